"""Alembic's entry: the tables of this service."""

from services.notifier.tables import metadata
from shared.db.migrating import run_migrations

run_migrations(metadata)
