"""What report builders pull: tables and figures of a run, a power study or an economic evaluation, by name."""
