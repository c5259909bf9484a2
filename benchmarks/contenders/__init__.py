"""The programs that the services are compared with: each does the same job in its own process."""
