"""Which units to inspect, drawn how, and what the verdicts say about the whole."""
