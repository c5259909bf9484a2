"""Alembic's entry point for the tables of this service."""

from services.stats.tables import StatsTable
from shared.db.migrating import run_migrations

run_migrations(StatsTable.metadata)
