"""The published care-entry panel of English authorities, years to March 2011 to 2025, and who took part in what."""
