"""Who inspects: teams drawn by the plan's own seed, within what recusals and hours allow."""
