"""Rows that are events with dates: outcomes by declared rule, and what is known of their authority in that year."""
