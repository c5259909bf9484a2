"""The spool file of a lane: SQLite on a local disk; a committed transaction survives a power cut."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.tables import metadata, outbox
from shared.db.engine import check_database, database_errors, make_engine, reading, sqlite_url
from shared.db.outbox import Outbox
from shared.db.sqlite_thread import SqliteThread
from shared.domain.lanes import Lane
from shared.errors import DatabaseUnavailable

Result = TypeVar("Result")

PURGE_ROWS = 1_000  # per transaction, so that a purge delays nobody
FORGET = "DELETE FROM requests WHERE rowid IN (SELECT rowid FROM requests WHERE accepted_at < :moment LIMIT :rows)"
USED_BYTES = (
    "SELECT (page_count - freelist_count) * page_size"
    " FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
)

KnownRequests = dict[bytes, dict[bytes, bytes]]  # name → digest of a body with this name → its answer


class SpoolFile:
    """The file of one lane. Writers take turns; readers do not wait for them.

    The hot path (`commit` and `recall`) has its own connection and thread; everything else uses the engine.
    """

    def __init__(self, directory: Path, lane: Lane) -> None:
        self.lane = lane
        self.path = directory / f"{lane}.db"
        self._turn = asyncio.Lock()  # a fair queue, because SQLite polls for its own lock
        self._writer = make_engine(sqlite_url(self.path), pool_size=1)
        self._reader = reading(make_engine(sqlite_url(self.path), pool_size=2))
        self._committing = SqliteThread(self.path, begin="BEGIN IMMEDIATE")
        self._recalling = SqliteThread(self.path, begin="BEGIN")
        self.outbox = Outbox(self._writer, outbox, turn=self._turn)

    async def open(self) -> None:
        """Create the folder and the tables if needed; only the owner may read the folder.

        Raises:
            DatabaseUnavailable: the folder or the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise DatabaseUnavailable("The spool's folder cannot be made") from error
        async with self.writing() as connection:
            await connection.run_sync(metadata.create_all)

    async def close(self) -> None:
        """Close the connections."""
        await self._recalling.close()
        await self._committing.close()
        await self._reader.dispose()
        await self._writer.dispose()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction.

        Raises:
            DatabaseUnavailable: locked, full, read-only or gone; nothing was written.
        """
        with database_errors():
            async with self._turn, self._writer.begin() as connection:
                yield connection

    async def commit(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run ``work`` in a write transaction, in the file's thread; return after the commit.

        Raises:
            DatabaseUnavailable: as `writing`.
        """
        async with self._turn:
            return await self._committing.run(work)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction; it does not wait for writers.

        Raises:
            DatabaseUnavailable: it does not answer.
        """
        with database_errors():
            async with self._reader.connect() as connection:
                yield connection

    async def check(self) -> None:
        """Ask for one row.

        Raises:
            DatabaseUnavailable: it does not answer.
        """
        await check_database(self._reader)

    async def recall(self, names: Sequence[bytes]) -> KnownRequests:
        """Known requests with these names.

        Raises:
            DatabaseUnavailable: it does not answer.
        """
        return await self._recalling.run(partial(recall, names))

    async def used_bytes(self) -> int:
        """Bytes in use, not counting free pages inside the file."""
        async with self.reading() as connection:
            return int((await connection.execute(text(USED_BYTES))).scalar_one())

    async def forget_before(self, moment: float) -> int:
        """Remove the oldest known requests from before a Unix time; returns their number."""
        async with self.writing() as connection:
            done = await connection.execute(text(FORGET), {"moment": moment, "rows": PURGE_ROWS})
        return done.rowcount


def recall(names: Sequence[bytes], connection: sqlite3.Connection) -> KnownRequests:
    """Known requests with these names, as seen by this transaction."""
    found: KnownRequests = {}
    if names:
        places = ", ".join("?" * len(names))
        asked = f"SELECT name, body_digest, answer FROM requests WHERE name IN ({places})"  # noqa: S608  # ? only
        for name, digest, answer in connection.execute(asked, names):
            found.setdefault(name, {})[digest] = answer
    return found
