"""What the verdicts on a sample say about the whole, with intervals."""
