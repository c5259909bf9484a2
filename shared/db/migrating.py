"""Bringing a database's tables to the newest revision, by Alembic: a command of its own, because no service loads that.

A service keeps its revisions in ``migrations/``: ``env.py`` says what its tables are, ``versions/`` how they came to
be.
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

ONE_AT_A_TIME = 7_112_024  # any number that nothing else locks by


class MigrationSettings(BaseSettings):
    """What a migration reads."""

    model_config = SettingsConfigDict(env_prefix="LAKSA_", extra="ignore")

    database_url: str = Field(description="The database whose tables to bring up to date")


async def upgrade(url: str, migrations: Path) -> None:
    """Bring the tables to the newest revision, in one transaction; two at once wait for each other.

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
    """Alembic's configuration for a service's folder of migrations."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config


def run_migrations(metadata: MetaData) -> None:
    """What a service's ``env.py`` calls, with its tables."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


def migrate(migrations: Path) -> None:
    """The command line: bring LAKSA_DATABASE_URL's tables up to date, or end with what is wrong."""
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
