"""What arrived: contracts of every table, adapters, quarantine and the claim store."""
