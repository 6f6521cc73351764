"""The draw, and the seal and certificate by which anybody can repeat it."""
