"""The table models: they return the stored values, and include no table of another service."""

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.notifier import tables as notifier_tables
from services.stats.tables import StatsTable, StoredDelivery, StoredFact, StoredReport, metadata
from tests.support.builders.lifecycle import START
from tests.support.databases.stats_tables import make_stats_tables

NOT_UTC = timezone(timedelta(hours=9))


async def test_a_row_is_written_and_read_as_a_model(engine: AsyncEngine) -> None:
    """A row is written and read as a model on both databases; missing values take the model's defaults."""
    await make_stats_tables(engine)
    async with AsyncSession(engine) as session:
        session.add(StoredFact(event_id="e1", report_id="r1", kind="report.registered.v1", body="{}"))
        session.add(StoredReport(report_id="r1", day=START.date(), received_at=START))
        await session.commit()
    async with AsyncSession(engine) as session:
        fact = (await session.exec(select(StoredFact).where(col(StoredFact.report_id) == "r1"))).one()
        report = (await session.exec(select(StoredReport))).one()
    assert (fact.event_id, fact.kind, fact.body) == ("e1", "report.registered.v1", "{}")
    assert (report.registered, report.counts, report.status) == (False, False, None)
    assert (report.day, report.received_at) == (START.date(), START)


async def test_a_moment_comes_back_in_utc(engine: AsyncEngine) -> None:
    """Moments are read as UTC: SQLite stores no time zone, and PostgreSQL returns its session's zone."""
    await make_stats_tables(engine)
    async with AsyncSession(engine) as session:
        session.add(_delivery(START.astimezone(NOT_UTC)))
        await session.commit()
    async with AsyncSession(engine) as session:
        found = (await session.exec(select(StoredDelivery))).one()
    assert (found.last_at, found.last_at.utcoffset()) == (START, timedelta(0))


async def test_a_moment_without_a_time_zone_is_refused(engine: AsyncEngine) -> None:
    """A moment without a time zone is refused, because a host in another zone than UTC would store a wrong moment."""
    await make_stats_tables(engine)
    async with AsyncSession(engine) as session:
        session.add(_delivery(START.replace(tzinfo=None)))
        with pytest.raises(StatementError, match="must have timezone information"):
            await session.flush()


def test_each_service_has_its_own_metadata() -> None:
    """Two services in one process (tests, `laksa`) do not create or compare each other's tables."""
    assert set(metadata.tables) == {"facts", "reports", "deliveries", "cube", "accounts", "revision"}
    assert metadata is StatsTable.metadata
    assert metadata is not SQLModel.metadata
    assert metadata is not notifier_tables.metadata
    assert not SQLModel.metadata.tables


def _delivery(last_at: datetime) -> StoredDelivery:
    return StoredDelivery(
        delivery_id="d1",
        report_id="r1",
        opd="DISHUB",
        role="owner",
        endpoint="dishub-1",
        state="delivered",
        attempts=1,
        level=1,
        last_at=last_at,
    )
