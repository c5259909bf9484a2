"""One service process: start, settings, health, background tasks, orderly stop."""
