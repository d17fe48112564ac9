"""The panel: reading it, checking it, and saying what was kept and dropped."""
