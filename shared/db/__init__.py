"""Engines for SQLite and PostgreSQL, and the outbox that both intake and notifier publish from."""
