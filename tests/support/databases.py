"""The databases that a store's tests run on: SQLite always, PostgreSQL where one is named."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from shared.db.engine import sqlite_url

POSTGRES_VARIABLE = "LAKSA_TEST_POSTGRES_URL"


def kinds() -> list[str]:
    """The kinds to run a suite on: ``sqlite``, and ``postgresql`` where LAKSA_TEST_POSTGRES_URL names a server."""
    return ["sqlite", "postgresql"] if os.environ.get(POSTGRES_VARIABLE) else ["sqlite"]


@asynccontextmanager
async def database(kind: str, directory: Path) -> AsyncIterator[str]:
    """The URL of an empty database of this kind, gone afterwards."""
    if kind == "sqlite":
        yield sqlite_url(directory / "test.db")
        return
    server = make_url(os.environ[POSTGRES_VARIABLE])
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
