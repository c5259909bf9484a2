"""One SQLite connection and the only thread that uses it, for hot paths where switching threads is the main cost."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from shared.db.engine import SQLITE_PRAGMAS, database_errors

STATEMENTS = 512  # cached prepared statements: one for each length of a value list

Result = TypeVar("Result")


class SqliteThread:
    """Runs whole transactions one after another. The asyncio engine would switch threads for each statement.

    ``begin`` is the statement that begins each transaction; see `shared.db.engine.make_engine`.
    """

    def __init__(self, path: Path, *, begin: Literal["BEGIN IMMEDIATE", "BEGIN"]) -> None:
        self._path = path
        self._begin = begin
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"sqlite-{path.stem}")
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run ``work`` in the thread, in its own transaction, and return after the commit.

        Cancelling the caller does not cancel the work.

        Raises:
            DatabaseUnavailable: locked, full, read-only or gone; nothing was written.
        """
        with database_errors():
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    async def close(self) -> None:
        """Finish the current transaction and close the connection."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    def _transact(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        connection = self._connection or self._connect()
        connection.execute(self._begin)
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=STATEMENTS)
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
