"""The revision of a database's tables. Services only read it; `shared.db.migrating` changes it."""

from sqlalchemy import Column, MetaData, Table, Text, inspect, select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import DatabaseUnavailable

metadata = MetaData()

# the table in which Alembic keeps the revision
revisions = Table("alembic_version", metadata, Column("version_num", Text, primary_key=True))


async def check_revision(connection: AsyncConnection, needed: str, service: str) -> None:
    """Return if the tables are at the needed revision or a later one: a newer schema supports the previous release.

    Raises:
        DatabaseUnavailable: the revision is missing or older; the message says what to run.
    """
    there = await connection.run_sync(_revision)
    if there is None or there < needed:
        raise DatabaseUnavailable(
            f"The tables are at revision {there or 'none'}, and {needed} is needed: run `laksa migrate {service}`"
        )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(revisions.name):
        return None
    found: str | None = connection.execute(select(revisions.c.version_num)).scalar()
    return found
