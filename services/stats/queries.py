"""Queries for every figure and list of the API and the board."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.stats import tables
from services.stats.accounting import OPEN_STATUSES, AccountLine
from services.stats.aggregation import NONE, Registration
from services.stats.case_file import ReportLine
from services.stats.deliveries import FAILING
from services.stats.facts import Fact, fact_from
from services.stats.windows import Window
from shared.db.engine import database_errors, reading
from shared.domain.lanes import CallType, Channel, Lane, Mode

_REGISTRATION = tuple(field.name for field in fields(Registration))

Dimension = Literal["day", "channel", "category", "rollup", "opd", "kecamatan", "call_type", "status"]


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Selects reports: each given value must be equal, and the report's day must be in the window."""

    channel: str | None = None
    category: str | None = None
    opd: str | None = None
    status: str | None = None
    lane: str | None = None
    mode: str | None = None
    window: Window = field(default_factory=Window)

    def conditions(self) -> Collection[ColumnElement[bool]]:
        """The conditions for a query on the table of reports."""
        report = tables.reports.c
        equal = {name: getattr(self, name) for name in ("channel", "category", "opd", "status", "lane", "mode")}
        return [
            *(report[name] == str(value) for name, value in equal.items() if value is not None),
            *_within(report.day, self.window),
        ]


@dataclass(frozen=True, slots=True)
class Position:
    """A position in the list of reports, newest first: directly after this report."""

    received_at: datetime
    report_id: str


class StatsQueries:
    """Queries the data of `StatsStore`. Every method raises DatabaseUnavailable if the database does not answer."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = reading(engine)

    async def revision(self) -> int:
        """The data revision, which grows with every change."""
        return int(await self._scalar(select(tables.revision.c.number)) or 0)

    async def counts_by(self, dimension: Dimension, window: Window) -> Mapping[str, int]:
        """Counted reports per value of one dimension; days as ``YYYY-MM-DD``."""
        column = tables.cube.c[dimension]
        query = select(column, func.sum(tables.cube.c.count)).where(*_within(tables.cube.c.day, window))
        rows = await self._rows(query.group_by(column).order_by(column))
        return {_text(key): int(count) for key, count in rows}

    async def calls_112(self, window: Window) -> Mapping[str, int]:
        """Normal calls to 112 per line of the published report."""
        cube = tables.cube.c
        query = select(cube.rollup, func.sum(cube.count)).where(
            cube.channel == Channel.CALL_112.value,
            cube.call_type == CallType.NORMAL.value,
            *_within(cube.day, window),
        )
        return {key: int(count) for key, count in await self._rows(query.group_by(cube.rollup))}

    async def accounts(self) -> Sequence[AccountLine]:
        """All lines of the accounts."""
        return [AccountLine(*row) for row in await self._rows(select(tables.accounts))]

    async def failing_deliveries(self) -> Mapping[str, int]:
        """Per OPD, the number of deliveries of counted reports whose latest attempt failed or that are exhausted."""
        delivery, report = tables.deliveries, tables.reports
        query = (
            select(delivery.c.opd, func.count())
            .join(report, report.c.report_id == delivery.c.report_id)
            .where(delivery.c.state.in_([state.value for state in FAILING]), report.c.counts)
            .group_by(delivery.c.opd)
        )
        return {opd: int(count) for opd, count in await self._rows(query)}

    async def oldest_undecided(self) -> Mapping[str, datetime]:
        """Per lane, the time at which the oldest counted report without a decision was received."""
        report = tables.reports.c
        query = select(report.lane, func.min(report.received_at)).where(report.outcome == NONE, report.counts)
        rows = await self._rows(query.group_by(report.lane))
        return {str(lane): received_at for lane, received_at in rows}

    async def unregistered(self) -> int:
        """The number of reports with later facts but without their ``registered`` fact."""
        report = tables.reports.c
        return int(await self._scalar(select(func.count()).where(report.registered.is_(False))) or 0)

    async def reports(self, wanted: ReportFilter, limit: int, after: Position | None = None) -> Sequence[ReportLine]:
        """Registered reports including exercises, the latest received first."""
        report = tables.reports.c
        conditions = list(wanted.conditions())
        if after is not None:
            earlier = report.received_at < after.received_at
            same_time = report.received_at == after.received_at
            conditions.append(or_(earlier, and_(same_time, report.report_id < after.report_id)))
        return await self._report_lines(conditions, limit)

    async def open_emergencies(self, limit: int) -> Sequence[ReportLine]:
        """Open live reports of the emergency lane, the latest received first."""
        report = tables.reports.c
        is_open = report.status.in_([status.value for status in OPEN_STATUSES])
        return await self._report_lines(
            [report.lane == Lane.EMERGENCY.value, report.mode == Mode.LIVE.value, is_open], limit
        )

    async def latest(self, limit: int) -> Sequence[ReportLine]:
        """The latest received reports, including exercises but not history."""
        return await self._report_lines([tables.reports.c.mode != Mode.BACKFILL.value], limit)

    async def facts_of(self, report_id: str) -> Sequence[Fact]:
        """All facts of one report."""
        fact = tables.facts.c
        query = select(fact.event_id, fact.kind, fact.body).where(fact.report_id == report_id).order_by(fact.event_id)
        return [fact_from(*row) for row in await self._rows(query)]

    async def _report_lines(self, conditions: Iterable[ColumnElement[bool]], limit: int) -> Sequence[ReportLine]:
        report = tables.reports.c
        query = (
            select(report.report_id, report.opd, report.status, *(report[name] for name in _REGISTRATION))
            .where(report.registered, *conditions)
            .order_by(report.received_at.desc(), report.report_id.desc())
            .limit(limit)
        )
        return [
            ReportLine(report_id, Registration(*registration), owner, status)
            for report_id, owner, status, *registration in await self._rows(query)
        ]

    async def _rows(self, query: Select[Any]) -> Sequence[Any]:
        with database_errors():
            async with self._engine.connect() as connection:
                result = await connection.execute(query)
                rows: Sequence[Any] = result.all()
        return rows

    async def _scalar(self, query: Select[Any]) -> Any:
        rows = await self._rows(query)
        return rows[0][0] if rows else None


def _within(day: ColumnElement[date], window: Window) -> Collection[ColumnElement[bool]]:
    bounds = []
    if window.first is not None:
        bounds.append(day >= window.first)
    if window.last is not None:
        bounds.append(day <= window.last)
    return bounds


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
