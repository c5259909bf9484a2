"""Databases for tests: SQLite and real PostgreSQL servers."""
