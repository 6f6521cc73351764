"""How many units to draw from where: strata, allocation, quotas, and what a design would bring."""
