"""What a table of units and periods holds and lacks, and in what two of them differ."""
