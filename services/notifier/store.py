"""The notifier's database: inbox, deliveries, attempts and answers. SQLite and PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifier.deliveries import Delivery
from services.notifier.tables import REVISION, deliveries
from services.notifier.transaction import StoreTransaction, delivery_of
from shared.db.engine import database_errors, reading
from shared.db.outbox import Outbox
from shared.db.revision import check_revision
from shared.domain.delivery import DeliveryState
from shared.domain.lanes import Lane, Mode

UNANSWERED = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.RETRYING, DeliveryState.DELIVERED)
READ_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Quota:
    """How many deliveries of an endpoint may be claimed: in total, and of those that were tried before."""

    endpoint_id: str
    total: int
    retries: int


class Store:
    """Opens transactions and runs read-only queries."""

    def __init__(self, engine: AsyncEngine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    async def prepare(self) -> None:
        """Check that the tables exist at the needed revision.

        Raises:
            DatabaseUnavailable: the database does not answer, or was not migrated yet.
        """
        with database_errors():
            async with reading(self._engine).connect() as connection:
                await check_revision(connection, REVISION, "notifier")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[StoreTransaction]:
        """Open a transaction: its changes and facts are committed together, or not at all.

        Raises:
            DatabaseUnavailable: nothing was committed.
        """
        with database_errors():
            async with self._engine.begin() as connection:
                transaction = StoreTransaction(connection, self._outbox)
                yield transaction
        if transaction.published:
            self._outbox.wake()

    async def find(self, delivery_id: UUID) -> Delivery | None:
        """Find a delivery by its id."""
        rows = await self._read(select(deliveries).where(deliveries.c.id == delivery_id))
        return delivery_of(rows[0]) if rows else None

    async def of_report(self, report_id: UUID) -> list[Delivery]:
        """All deliveries of a report, in order of creation."""
        ordered = select(deliveries).where(deliveries.c.report_id == report_id)
        rows = await self._read(ordered.order_by(deliveries.c.created_at, deliveries.c.id).limit(READ_LIMIT))
        return [delivery_of(row) for row in rows]

    async def in_state(self, lane: Lane, state: DeliveryState) -> list[Delivery]:
        """The deliveries of a lane in a state, oldest reports first."""
        chosen = select(deliveries).where(deliveries.c.lane == lane, deliveries.c.state == state)
        return [
            delivery_of(row) for row in await self._read(chosen.order_by(deliveries.c.received_at).limit(READ_LIMIT))
        ]

    async def due(self, quotas: Sequence[Quota], now: float) -> list[UUID]:
        """Deliveries that may be claimed now: per endpoint, untried ones first, then those due the longest."""
        with database_errors():
            async with reading(self._engine).connect() as connection:
                earliest = await connection.scalar(select(func.min(deliveries.c.due_at)))
                if earliest is None or earliest > now:
                    return []  # the usual case; this query runs several times a second
                return [one for quota in quotas for one in await _due_at_endpoint(connection, quota, now)]

    async def endpoints_in_use(self) -> set[str]:
        """All endpoints with deliveries, including those that are no longer in the file."""
        return {row.endpoint_id for row in await self._read(select(deliveries.c.endpoint_id).distinct())}

    async def oldest_unanswered(self, lane: Lane) -> float | None:
        """Time of receipt of the oldest live report that its department has not acknowledged."""
        waiting = and_(deliveries.c.state.in_(UNANSWERED), deliveries.c.lane == lane, deliveries.c.mode == Mode.LIVE)
        rows = await self._read(select(func.min(deliveries.c.received_at).label("oldest")).where(waiting))
        oldest: float | None = rows[0].oldest
        return oldest

    async def count(self, lane: Lane, condition: ColumnElement[bool]) -> int:
        """The number of deliveries of a lane that meet a condition."""
        rows = await self._read(
            select(func.count().label("found")).select_from(deliveries).where(deliveries.c.lane == lane, condition)
        )
        return int(rows[0].found)

    async def _read(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        with database_errors():
            async with reading(self._engine).connect() as connection:
                rows: Sequence[Row[Any]] = (await connection.execute(statement)).all()
                return rows


def overdue(now: float, grace: float) -> ColumnElement[bool]:
    """Deliveries that were due ``grace`` seconds ago and that no worker has claimed."""
    return deliveries.c.due_at < now - grace


def late(now: float) -> ColumnElement[bool]:
    """Deliveries that the department has not acknowledged by its deadline."""
    return and_(deliveries.c.state.in_(UNANSWERED), deliveries.c.acknowledge_by < now, deliveries.c.mode == Mode.LIVE)


def exhausted() -> ColumnElement[bool]:
    """Deliveries without a further try."""
    return deliveries.c.state == DeliveryState.EXHAUSTED


async def _due_at_endpoint(connection: AsyncConnection, quota: Quota, now: float) -> list[UUID]:
    async def find(limit: int, *, fresh: bool) -> list[UUID]:
        mine = and_(deliveries.c.endpoint_id == quota.endpoint_id, deliveries.c.fresh == fresh)
        found = select(deliveries.c.id).where(mine, deliveries.c.due_at <= now).order_by(deliveries.c.due_at)
        return list(await connection.scalars(found.limit(max(0, limit))))

    untried = await find(quota.total, fresh=True)
    return untried + await find(min(quota.retries, quota.total - len(untried)), fresh=False)
