"""Timings of what users wait for: `make bench`."""
