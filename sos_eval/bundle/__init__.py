"""What leaves a run: the result bundle, its provenance, and the tables that figures read."""
