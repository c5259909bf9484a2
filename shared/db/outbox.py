"""The transactional outbox: a record to publish is committed together with the change that it reports.

Intake's spool and the notifier both use it; `shared.messaging.relay` publishes from it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db.engine import database_errors, reading
from shared.events.outgoing import OutgoingRecord


def outbox_table(metadata: MetaData) -> Table:
    """The outbox's table in a service's own schema."""
    return Table(
        "outbox",
        metadata,
        # SQLite assigns row ids only in a column of type INTEGER
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("topic", Text, nullable=False),
        Column("key", LargeBinary, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("headers", Text, nullable=False),
        Column("created_at", Float, nullable=False),
        sqlite_autoincrement=True,
    )


def outbox_rows(records: Sequence[OutgoingRecord]) -> list[dict[str, object]]:
    """The rows to insert for these records."""
    now = time.time()
    return [
        {
            "topic": record.topic,
            "key": record.key,
            "value": record.value,
            "headers": orjson.dumps([(name, value.decode()) for name, value in record.headers]).decode(),
            "created_at": now,
        }
        for record in records
    ]


@dataclass(frozen=True, slots=True)
class PendingRecord:
    """One row of the outbox: its id, the record to publish, and the Unix time at which it was written."""

    row_id: int
    record: OutgoingRecord
    created_at: float


@dataclass(frozen=True, slots=True)
class OutboxDepth:
    """The backlog: number of records, and the age of the oldest in seconds (0 if there is none)."""

    records: int
    oldest_seconds: float


def depth_of(pending: Sequence[PendingRecord]) -> OutboxDepth:
    """The backlog, if these are all pending records."""
    return OutboxDepth(len(pending), _age(pending[0].created_at)) if pending else OutboxDepth(0, 0.0)


def _age(created_at: float) -> float:
    return max(0.0, time.time() - created_at)  # never negative: the clock may have been set back


class Outbox:
    """Rows to publish, oldest first. Rows leave only after the broker acknowledged them.

    ``turn``, if given, is a lock that writers of the same file take; removing rows takes it too.
    """

    def __init__(
        self, engine: AsyncEngine, table: Table, *, turn: AbstractAsyncContextManager[Any, Any] | None = None
    ) -> None:
        self._engine = engine
        self._table = table
        self._turn = turn or nullcontext()
        self._woken = asyncio.Event()

    async def add(self, connection: AsyncConnection, records: Sequence[OutgoingRecord]) -> None:
        """Write records inside the caller's transaction; call `wake` once it is committed."""
        if records:
            await connection.execute(insert(self._table), outbox_rows(records))

    def wake(self) -> None:
        """Tell the relay that something was committed."""
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Return when woken, or after the given time at the latest."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._woken.clear()

    async def pending(self, limit: int) -> list[PendingRecord]:
        """The oldest rows, in insertion order."""
        with database_errors():
            async with reading(self._engine).connect() as connection:
                rows = (await connection.execute(select(self._table).order_by(self._table.c.id).limit(limit))).all()
        return [
            PendingRecord(
                row.id,
                OutgoingRecord(
                    topic=row.topic,
                    key=row.key,
                    value=row.value,
                    headers=[(name, value.encode()) for name, value in orjson.loads(row.headers)],
                ),
                row.created_at,
            )
            for row in rows
        ]

    async def discard(self, row_ids: Sequence[int]) -> None:
        """Remove rows that the broker has acknowledged."""
        with database_errors():
            async with self._turn, self._engine.begin() as connection:
                await connection.execute(delete(self._table).where(self._are(row_ids)))

    async def depth(self) -> OutboxDepth:
        """The number of pending records and the age of the oldest.

        Computed from the first and last id, because rows leave in order and counting would read the whole table
        (gigabytes in an outage) before each batch. Ids that a failed transaction used are counted too while older rows
        wait.
        """
        table = self._table
        oldest = select(table.c.id, table.c.created_at).order_by(table.c.id).limit(1)
        newest = select(table.c.id).order_by(table.c.id.desc()).limit(1)
        with database_errors():
            async with reading(self._engine).connect() as connection:
                first = (await connection.execute(oldest)).one_or_none()
                last = await connection.scalar(newest)
        if first is None or last is None:
            return OutboxDepth(0, 0.0)
        return OutboxDepth(last - first.id + 1, _age(first.created_at))

    def _are(self, row_ids: Sequence[int]) -> ColumnElement[bool]:
        """Condition for these rows: a range if the ids are contiguous, which is cheapest."""
        column = self._table.c.id
        if row_ids and max(row_ids) - min(row_ids) + 1 == len(set(row_ids)):
            return column.between(min(row_ids), max(row_ids))
        return column.in_(row_ids)
