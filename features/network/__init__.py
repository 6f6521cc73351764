"""The network of people, institutions and doctors: who is seen together, and with whom."""

#: Counted up whenever a change of these modules changes a value; part of the catalogue's version,
#: which covers texts and cannot see what NumPy computes.
VERSION = 1
