"""CIN census returns as counts by authority and year: rules, and what is counted."""
