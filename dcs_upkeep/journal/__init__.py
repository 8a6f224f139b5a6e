"""What is on record: entries, what they add up to, and one file per stream. Facts, no decisions."""
