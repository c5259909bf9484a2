"""Logs, metrics, health and traces: how a running service explains itself."""
