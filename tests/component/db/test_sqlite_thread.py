"""The SQLite thread runs whole transactions in order and maps errors like the engine."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from shared.db.sqlite_thread import SqliteThread
from shared.errors import DatabaseUnavailable


def insert(number: int, connection: sqlite3.Connection) -> str:
    """Write one row; returns the name of the thread that did it."""
    connection.execute("INSERT INTO rows VALUES (?)", (number,))
    return threading.current_thread().name


def rows(connection: sqlite3.Connection) -> list[int]:
    """All rows in insertion order."""
    return [number for (number,) in connection.execute("SELECT number FROM rows ORDER BY rowid")]


@pytest.fixture
async def thread(tmp_path: Path) -> AsyncIterator[SqliteThread]:
    """A thread on a file with one empty table."""
    with sqlite3.connect(tmp_path / "spool.db") as connection:
        connection.execute("CREATE TABLE rows (number INTEGER UNIQUE)")
    made = SqliteThread(tmp_path / "spool.db", begin="BEGIN IMMEDIATE")
    yield made
    await made.close()


async def test_work_is_done_in_its_order_by_one_thread(thread: SqliteThread) -> None:
    """Concurrent work runs in order in one thread."""
    names = await asyncio.gather(*(thread.run(partial(insert, number)) for number in range(20)))

    assert await thread.run(rows) == list(range(20))
    assert set(names) == {"sqlite-spool_0"}


async def test_what_fails_leaves_nothing(thread: SqliteThread) -> None:
    """An error of the work passes unchanged, its transaction is rolled back, and the next one runs."""

    def fail(connection: sqlite3.Connection) -> None:
        insert(1, connection)
        insert(1, connection)

    with pytest.raises(sqlite3.IntegrityError):
        await thread.run(fail)

    await thread.run(partial(insert, 2))
    assert await thread.run(rows) == [2]


async def test_it_is_written_as_safely_as_elsewhere(thread: SqliteThread) -> None:
    """I1: WAL with synchronous=FULL, so a commit survives a power cut."""

    def pragmas(connection: sqlite3.Connection) -> list[object]:
        asked = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]

    assert await thread.run(pragmas) == ["wal", 2, 1]


async def test_a_file_that_cannot_be_opened_is_transient(tmp_path: Path) -> None:
    """Each attempt fails as transient, and a later one may succeed."""
    thread = SqliteThread(tmp_path / "gone" / "spool.db", begin="BEGIN")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await thread.run(rows)
    (tmp_path / "gone").mkdir()
    assert await thread.run(lambda connection: connection.execute("SELECT 7").fetchone()) == (7,)
    await thread.close()
