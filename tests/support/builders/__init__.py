"""Builders of reports, events and records."""
