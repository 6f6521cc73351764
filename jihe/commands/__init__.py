"""The commands, one module per part of the loop; each only calls what the packages do."""
