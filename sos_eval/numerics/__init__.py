"""Arrays in, arrays out: no frames, no names of columns, no files."""
