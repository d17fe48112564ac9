"""Floor 7: the doors. A command reads, calls one job, and prints; see `main.py` for the list."""
