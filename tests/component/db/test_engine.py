"""Opening databases: SQLite's settings, waiting for locks, and the mapping of errors."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db.engine import check_database, database_errors, make_engine, reading, sqlite_url
from shared.errors import DatabaseUnavailable, TransientError
from tests.support.databases.engines import database


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of the database."""
    return tmp_path / "laksa.db"


@pytest.fixture
async def engine(file: Path) -> AsyncIterator[AsyncEngine]:
    """A database with one table, and an engine that waits for a lock only briefly."""
    made = make_engine(sqlite_url(file), pool_size=1)
    async with made.begin() as connection:
        await connection.execute(text("CREATE TABLE facts (id INTEGER PRIMARY KEY, what TEXT)"))
        await connection.execute(text("CREATE TABLE causes (fact INTEGER REFERENCES facts (id))"))
        await connection.execute(text("PRAGMA busy_timeout=20"))  # on the pool's only connection
    yield made
    await made.dispose()


@pytest.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """A PostgreSQL with two facts, 0 and 1."""
    async with database("postgresql", tmp_path) as url:
        made = make_engine(url)
        async with made.begin() as connection:
            await connection.execute(text("CREATE TABLE facts (id INTEGER PRIMARY KEY)"))
            await connection.execute(text("INSERT INTO facts VALUES (0), (1)"))
        yield made
        await made.dispose()


async def _lock_fact(connection: AsyncConnection, fact: int) -> None:
    await connection.execute(text("SELECT id FROM facts WHERE id = :fact FOR UPDATE"), {"fact": fact})


@contextmanager
def _somebody_writes(file: Path) -> Iterator[None]:
    """Another program that holds SQLite's write lock."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO facts (what) VALUES ('by somebody else')")
    try:
        yield
    finally:
        other.rollback()
        other.close()


def _databases(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm"))]


async def _add(engine: AsyncEngine, what: str) -> None:
    with database_errors():
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO facts (what) VALUES (:what)"), {"what": what})


async def _facts(engine: AsyncEngine) -> list[str]:
    with database_errors():
        async with reading(engine).connect() as connection:
            return list((await connection.scalars(text("SELECT what FROM facts ORDER BY id"))).all())


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5_000)],
)
async def test_sqlite_is_told_to_lose_nothing(file: Path, pragma: str, value: object) -> None:
    """WAL with synchronous=FULL (2) survives a power cut; each connection of the pool has it, not just the first."""
    engine = make_engine(sqlite_url(file), pool_size=2)
    try:
        async with engine.connect() as first, reading(engine).connect() as second:
            assert await first.scalar(text(f"PRAGMA {pragma}")) == value
            assert await second.scalar(text(f"PRAGMA {pragma}")) == value
    finally:
        await engine.dispose()


@pytest.mark.parametrize("name", ["a b.db", "why?.db", "100%20.db", "#1.db", "antrean-é.db"])
async def test_the_file_has_the_very_name_that_was_asked_for(tmp_path: Path, name: str) -> None:
    """No character of a folder's name is interpreted as part of the URL."""
    engine = make_engine(sqlite_url(tmp_path / name))

    await check_database(engine)
    await engine.dispose()

    assert _databases(tmp_path) == [name]
    assert make_url(sqlite_url(tmp_path / name)).database == str(tmp_path / name)


async def test_a_reader_does_not_wait_for_a_writer(engine: AsyncEngine, file: Path) -> None:
    """A reader sees committed data while another connection writes."""
    await _add(engine, "first")

    with _somebody_writes(file):
        assert await _facts(engine) == ["first"]


async def test_a_writer_takes_the_lock_before_it_reads(engine: AsyncEngine, file: Path) -> None:
    """BEGIN IMMEDIATE: no other writer commits between a transaction's read and its write."""
    async with engine.begin() as connection:
        await connection.execute(text("SELECT * FROM facts"))
        other = sqlite3.connect(file, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


async def test_writers_of_one_pool_wait_for_each_other(engine: AsyncEngine) -> None:
    """Twenty concurrent writers on one connection all succeed."""
    await asyncio.gather(*(_add(engine, str(number)) for number in range(20)))

    assert sorted(map(int, await _facts(engine))) == list(range(20))


async def test_what_was_rolled_back_never_was(engine: AsyncEngine) -> None:
    """An error inside a transaction rolls it back and passes unchanged."""
    with pytest.raises(ValueError, match="a fault of ours"), database_errors():  # noqa: PT012  # the transaction is it
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO facts (what) VALUES ('half')"))
            raise ValueError("a fault of ours")

    assert await _facts(engine) == []


async def test_a_lock_that_is_never_freed_is_transient(engine: AsyncEngine, file: Path) -> None:
    """A lock timeout is transient; after the lock is released the same engine writes."""
    with _somebody_writes(file), pytest.raises(DatabaseUnavailable):
        await _add(engine, "mine")

    await _add(engine, "mine")
    assert await _facts(engine) == ["mine"]


async def test_a_full_disk_is_transient(engine: AsyncEngine) -> None:
    """SQLite's page limit fails like a full disk; earlier commits can still be read."""
    await _add(engine, "before")
    async with engine.connect() as connection:
        await connection.execute(text("PRAGMA max_page_count=1"))  # raised by SQLite to what is in use

    with pytest.raises(DatabaseUnavailable) as caught:
        await _add(engine, "x" * 100_000)

    assert "full" in str(caught.value.__cause__)
    assert await _facts(engine) == ["before"]


async def test_no_connection_free_in_the_pool_is_transient(engine: AsyncEngine) -> None:
    """An exhausted pool counts as a database that does not answer."""
    engine.sync_engine.pool._timeout = 0.02  # type: ignore[attr-defined]  # SQLAlchemy's 30 s are too long to wait for
    async with engine.connect():
        with pytest.raises(DatabaseUnavailable):
            await check_database(engine)

    await check_database(engine)


async def test_a_folder_that_is_not_there_is_transient(tmp_path: Path) -> None:
    """A missing folder is transient: the engine connects lazily and tries again each time."""
    engine = make_engine(sqlite_url(tmp_path / "volume" / "laksa.db"))
    with pytest.raises(DatabaseUnavailable):
        await check_database(engine)

    (tmp_path / "volume").mkdir()
    await check_database(engine)
    await engine.dispose()


@pytest.mark.parametrize("lost", [ConnectionRefusedError(), ConnectionResetError(), BrokenPipeError()])
def test_a_server_that_is_not_there_is_transient(lost: ConnectionError) -> None:
    """A refused connection is transient; PostgreSQL's driver raises plain socket errors for it."""
    with pytest.raises(DatabaseUnavailable), database_errors():
        raise lost


@pytest.mark.parametrize("invalidated", [True, False])
def test_a_connection_lost_in_a_statement_is_transient_and_other_errors_pass(*, invalidated: bool) -> None:
    """A lost connection is transient, other driver errors pass unchanged."""
    error = DBAPIError("SELECT 1", {}, Exception("from the driver"), connection_invalidated=invalidated)

    with pytest.raises(DatabaseUnavailable if invalidated else DBAPIError), database_errors():
        raise error


async def test_postgresqls_deadlock_is_transient(postgres: AsyncEngine) -> None:
    """Of two deadlocked transactions one fails as transient, the other commits."""
    has_one = [asyncio.Event(), asyncio.Event()]

    async def take_both(number: int) -> None:
        with database_errors():
            async with postgres.begin() as connection:
                await _lock_fact(connection, number)
                has_one[number].set()
                await has_one[1 - number].wait()
                await _lock_fact(connection, 1 - number)

    ended = await asyncio.gather(take_both(0), take_both(1), return_exceptions=True)

    assert {type(outcome) for outcome in ended} == {type(None), DatabaseUnavailable}


async def test_a_postgresql_that_only_reads_is_transient(postgres: AsyncEngine) -> None:
    """A read-only standby counts as transient."""
    with pytest.raises(DatabaseUnavailable), database_errors():  # noqa: PT012  # the transaction is it
        async with postgres.begin() as connection:
            await connection.execute(text("SET TRANSACTION READ ONLY"))
            await connection.execute(text("INSERT INTO facts VALUES (7)"))


@pytest.mark.parametrize(
    "statement", ["INSERT INTO causes VALUES (1)", "INSERT INTO facts (id) VALUES (1)"], ids=["reference", "key"]
)
async def test_a_fault_of_our_sql_passes_unchanged(engine: AsyncEngine, statement: str) -> None:
    """Constraint violations pass unchanged, because a retry cannot help."""
    await _add(engine, "first")
    if "facts" not in statement:
        statement = statement.replace("1", "99")

    with pytest.raises(IntegrityError), database_errors():
        async with engine.begin() as connection:
            await connection.execute(text(statement))


async def test_the_message_quotes_neither_values_nor_addresses(engine: AsyncEngine, file: Path) -> None:
    """The message contains neither parameter values nor the database's password."""
    with _somebody_writes(file), pytest.raises(DatabaseUnavailable) as caught:
        await _add(engine, "0812-0000-0000")

    assert isinstance(caught.value, TransientError)
    assert str(caught.value) == "The database does not answer"
