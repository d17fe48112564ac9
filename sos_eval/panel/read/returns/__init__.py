"""SSDA903 returns as they are held: CSV tables and XML, of any number of years and authorities."""
