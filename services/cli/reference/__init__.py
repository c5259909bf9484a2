"""The synthetic reference reports, and how they are sent and compared with the published figures."""
