"""The network of people, institutions and doctors: who is seen together, and with whom."""
