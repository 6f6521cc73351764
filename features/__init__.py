"""What was known about a claim on a date: profiles, claim history, rules and the catalogue."""
