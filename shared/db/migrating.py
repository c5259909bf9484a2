"""Migrates a database to the newest revision with Alembic. Only a command uses this: no service imports Alembic.

A service keeps its revisions in ``migrations/``: ``env.py`` names its tables, ``versions/`` holds the steps.
"""

import asyncio
import sys
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import MetaData, text
from sqlalchemy.engine import Connection

from shared.db.engine import database_errors, make_engine
from shared.errors import DatabaseUnavailable

ONE_AT_A_TIME = 7_112_024  # an arbitrary advisory lock number


class MigrationSettings(BaseSettings):
    """Settings of a migration."""

    model_config = SettingsConfigDict(env_prefix="LAKSA_", extra="ignore")

    database_url: str = Field(description="The database whose tables to bring up to date")


async def upgrade(url: str, migrations: Path) -> None:
    """Migrate to the newest revision in one transaction; concurrent migrations wait for each other.

    Raises:
        DatabaseUnavailable: the database does not answer; nothing was changed.
    """
    engine = make_engine(url)
    try:
        with database_errors():
            async with engine.begin() as connection:
                await connection.run_sync(_upgrade, migrations)
    finally:
        await engine.dispose()


def config_of(migrations: Path) -> Config:
    """Alembic's configuration for a service's ``migrations`` folder."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config


def run_migrations(metadata: MetaData) -> None:
    """Run the migrations of a service; called by its ``env.py`` with its tables."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


def migrate(migrations: Path) -> None:
    """Command: migrate the database at LAKSA_DATABASE_URL, or exit with the reason."""
    try:
        settings = MigrationSettings()
    except ValidationError:
        sys.exit("Set LAKSA_DATABASE_URL to the database whose tables to bring up to date")
    try:
        asyncio.run(upgrade(settings.database_url, migrations))
    except DatabaseUnavailable as error:
        sys.exit(f"{error}. Is it running, and is LAKSA_DATABASE_URL right? Nothing was changed")


def _upgrade(connection: Connection, migrations: Path) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has locked the whole file already
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
    config = config_of(migrations)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
