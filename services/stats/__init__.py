"""Counts, the board for the leaders and the life of every report: all from lifecycle.v1 alone."""
