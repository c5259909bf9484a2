"""Deployment files as tests read and run them."""
