"""The report of a power study: reads only the study's folder."""
