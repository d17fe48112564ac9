"""Figures, one file each: a bundle's table and how it is drawn."""
