"""Opens databases: SQLite (the embedded default) and PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.errors import DatabaseUnavailable

# PostgreSQL errors that are transient, by SQLSTATE prefix: connection lost, deadlock or serialization failure, out of
# disk, memory or connections, server stopping or starting, its own files, read-only standby.
AROUND_THE_DATABASE = ("08", "40", "53", "57", "58", "25006")
POOL_TIMEOUT_SECONDS = 30.0  # how long a transaction waits for a free connection
SQLITE_BUSY_TIMEOUT_MS = 5_000  # longer than any transaction here; a writer that holds the lock longer is stuck
SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}",
    "foreign_keys=ON",
)
SQLITE_FAULTS = (sqlite3.OperationalError, sqlite3.InterfaceError)


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, for `make_engine`."""
    return URL.create("sqlite+aiosqlite", database=str(path)).render_as_string()  # quotes ? and % in the path


def make_engine(url: str, *, pool_size: int = 5, pool_timeout: float = POOL_TIMEOUT_SECONDS) -> AsyncEngine:
    """Create an engine for ``sqlite+aiosqlite:///path`` or ``postgresql+asyncpg://…``; it connects lazily.

    SQLite runs in WAL mode with ``synchronous=FULL``: a committed transaction survives a power cut. Every transaction
    begins with ``BEGIN IMMEDIATE``, so that one that reads first and writes later cannot fail half-way. Read-only
    transactions use `reading`, which takes no write lock. With a pool of one connection, users wait in order instead of
    polling for SQLite's lock.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return create_async_engine(
            url, pool_size=pool_size, max_overflow=0, pool_timeout=pool_timeout, pool_pre_ping=True
        )
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=pool_timeout)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def reading(engine: AsyncEngine) -> AsyncEngine:
    """The same engine and pool for read-only transactions."""
    return engine.execution_options(laksa_reads_only=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # otherwise the driver begins a deferred transaction by itself
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    reads_only = connection.get_execution_options().get("laksa_reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn errors of the database's environment into `DatabaseUnavailable`; errors of our SQL pass unchanged.

    Limit: SQLite's driver reports a syntax error as ``OperationalError`` too. Errors of the sqlite3 module are treated
    like SQLAlchemy's.

    Raises:
        DatabaseUnavailable: connection refused or lost, locked, full, read-only, no connection free in the pool, or a
            deadlock, after which the server rolled this transaction back.
    """
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, *SQLITE_FAULTS, OSError) as error:
        raise DatabaseUnavailable("The database does not answer") from error
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""  # only PostgreSQL's driver sets it
        if not error.connection_invalidated and not state.startswith(AROUND_THE_DATABASE):
            raise
        raise DatabaseUnavailable("The database did not finish this, or the connection was lost") from error


async def check_database(engine: AsyncEngine) -> None:
    """Ask the database for one row.

    Raises:
        DatabaseUnavailable: it does not answer.
    """
    with database_errors():
        async with reading(engine).connect() as connection:
            await connection.execute(text("SELECT 1"))
