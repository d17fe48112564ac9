"""Readers: each returns what a file holds, before it is a panel."""
