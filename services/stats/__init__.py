"""Counts, the leaders' board and the history of every report, all derived from lifecycle.v1 alone."""
