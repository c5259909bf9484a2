"""The synthetic reference reports: making them, sending them, and comparing the counts with the published figures."""
