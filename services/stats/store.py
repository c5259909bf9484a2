"""Writes each fact once, and all its effects in the same transaction."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, astuple, fields
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Row, Table, Text, delete, func, literal, select, text, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.stats import tables
from services.stats.aggregation import AccountKey, CubeKey, ReportRow, fold
from services.stats.facts import Fact, fact_from
from shared.db.engine import database_errors
from shared.db.revision import check_revision
from shared.domain.taxonomy import Taxonomy

REBUILD_REPORTS = 500  # reports per batch of a rebuild: a few megabytes of facts in memory

KeyT = TypeVar("KeyT", CubeKey, AccountKey)


class StatsStore:
    """Stores facts and the rows derived from them. Safe with several replicas on one PostgreSQL.

    Lock order, which prevents deadlock: a transaction locks the rows of its reports, then changes cells of the cube,
    then lines of the accounts, each in the order of their keys.
    """

    def __init__(self, engine: AsyncEngine, taxonomy: Taxonomy) -> None:
        self._engine = engine
        self._taxonomy = taxonomy

    async def prepare(self) -> None:
        """Check the revision of the tables, and create the row of the data revision.

        Raises:
            DatabaseUnavailable: the database does not answer or is not migrated.
        """
        async with self._transaction() as connection:
            await check_revision(connection, tables.REVISION, "stats")
            await connection.execute(
                _insert(connection, tables.revision).on_conflict_do_nothing(), {"id": 1, "number": 0}
            )

    async def record_facts(self, facts: Iterable[Fact]) -> Sequence[Fact]:
        """Store the facts and update everything derived from them; returns the new facts.

        It is atomic and idempotent.

        Raises:
            DatabaseUnavailable: nothing was stored.
        """
        distinct = {fact.event_id: fact for fact in facts}
        if not distinct:
            return ()
        report_ids = {event_id: fact.report_id for event_id, fact in distinct.items()}
        concerned = sorted(set(report_ids.values()))
        async with self._transaction() as connection:
            before = await _lock_reports(connection, concerned)
            earlier = await _facts_by_report(connection, concerned)
            new = await _keep(connection, [(distinct[event_id], report_ids[event_id]) for event_id in sorted(distinct)])
            if new:
                new_facts = defaultdict(list)
                for fact in new:
                    new_facts[report_ids[fact.event_id]].append(fact)
                # the new facts are in memory; only the earlier ones are read back
                known = {
                    report: [*map(_fact_in, earlier.get(report, ())), *new_facts[report]]
                    for report in sorted(new_facts)
                }
                await self._count_again(connection, known, [before[report] for report in known if report in before])
                await connection.execute(update(tables.revision).values(number=tables.revision.c.number + 1))
        return new

    async def rebuild(self) -> int:
        """Rebuild reports, deliveries, cube and accounts from the facts; returns the number of reports.

        Raises:
            DatabaseUnavailable: nothing was changed.
        """
        async with self._transaction() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has locked the whole file already
                await connection.execute(text("LOCK TABLE reports IN EXCLUSIVE MODE"))
            for table in tables.DERIVED:
                await connection.execute(delete(table))
            column = tables.facts.c.report_id
            last, rebuilt = "", 0
            while report_ids := list(
                await connection.scalars(
                    select(column).where(column > last).distinct().order_by(column).limit(REBUILD_REPORTS)
                )
            ):
                kept = await _facts_by_report(connection, report_ids)
                await self._count_again(
                    connection, {report: [*map(_fact_in, kept[report])] for report in report_ids}, ()
                )
                last, rebuilt = report_ids[-1], rebuilt + len(report_ids)
            await connection.execute(update(tables.revision).values(number=tables.revision.c.number + 1))
        return rebuilt

    async def _count_again(
        self, connection: AsyncConnection, known: Mapping[str, Sequence[Fact]], before: Sequence[Mapping[str, Any]]
    ) -> None:
        rows = [fold(report_id, facts, self._taxonomy) for report_id, facts in known.items()]
        await _replace_reports(connection, rows)
        await _replace_deliveries(connection, rows)
        counted = [row for row in before if row["counts"]]
        cells = [cell for row in rows if (cell := row.cube_key)]
        lines = [line for row in rows if (line := row.account_key)]
        await _move(connection, tables.cube, minus=[_key_of(CubeKey, row) for row in counted], plus=cells)
        await _move(connection, tables.accounts, minus=[_key_of(AccountKey, row) for row in counted], plus=lines)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        with database_errors():
            async with self._engine.begin() as connection:
                yield connection


def _insert(connection: AsyncConnection, table: Table) -> Any:
    """An INSERT with ON CONFLICT, in the dialect of the database."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


async def _lock_reports(connection: AsyncConnection, report_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Lock the rows of these reports until the transaction ends, and return those that existed."""
    if connection.dialect.name == "postgresql":  # SQLite has locked the whole file already
        listed = select(func.unnest(literal(list(report_ids), postgresql.ARRAY(Text))))  # one statement for all rows
        statement = postgresql.insert(tables.reports).from_select(["report_id"], listed)
        await connection.execute(statement.on_conflict_do_nothing())
    column = tables.reports.c.report_id
    rows = await connection.execute(
        select(tables.reports).where(column.in_(report_ids)).order_by(column).with_for_update()
    )
    return {row["report_id"]: dict(row) for row in rows.mappings()}


async def _keep(connection: AsyncConnection, facts: Sequence[tuple[Fact, str]]) -> list[Fact]:
    """Insert facts, each with its report's id; returns the new ones."""
    rows = await connection.execute(
        _insert(connection, tables.facts).on_conflict_do_nothing().returning(tables.facts.c.event_id),
        [
            {"event_id": fact.event_id, "report_id": report_id, "kind": fact.kind, "body": fact.body}
            for fact, report_id in facts
        ],
    )
    new = set(rows.scalars())
    return [fact for fact, _ in facts if fact.event_id in new]


async def _facts_by_report(connection: AsyncConnection, report_ids: Sequence[str]) -> Mapping[str, list[Row[Any]]]:
    """The rows of these reports' facts, unparsed: parsing a body costs more than fetching it."""
    column = tables.facts.c.report_id
    rows = await connection.execute(select(tables.facts).where(column.in_(report_ids)).order_by(column))
    return {report_id: list(group) for report_id, group in groupby(rows, key=lambda row: str(row.report_id))}


def _fact_in(row: Row[Any]) -> Fact:
    return fact_from(row.event_id, row.kind, row.body)


async def _replace_reports(connection: AsyncConnection, rows: Sequence[ReportRow]) -> None:
    statement = _insert(connection, tables.reports)
    columns = {column.name: statement.excluded[column.name] for column in tables.reports.c if not column.primary_key}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[tables.reports.c.report_id], set_=columns),
        [_columns_of(row) for row in rows],
    )


def _columns_of(row: ReportRow) -> dict[str, Any]:
    known = row.registration
    return {
        "report_id": row.report_id,
        "registered": known is not None,
        "counts": row.counts,
        "ticket": known.ticket if known else None,
        "channel": known.channel if known else None,
        "lane": known.lane if known else None,
        "mode": known.mode if known else None,
        "category": known.category if known else None,
        "rollup": row.rollup,
        "kecamatan": known.kecamatan if known else None,
        "call_type": known.call_type if known else None,
        "day": known.day if known else None,
        "opd": row.owner,
        "outcome": row.outcome,
        "status": row.status,
        "occurred_at": known.occurred_at if known else None,
        "received_at": known.received_at if known else None,
        "decided_at": row.decided_at,
    }


async def _replace_deliveries(connection: AsyncConnection, rows: Sequence[ReportRow]) -> None:
    names = [column.name for column in tables.deliveries.c]
    values = [
        {name: value for name, value in {**asdict(delivery), "report_id": row.report_id}.items() if name in names}
        for row in rows
        for delivery in row.deliveries
    ]
    if not values:
        return
    statement = _insert(connection, tables.deliveries)
    columns = {name: statement.excluded[name] for name in names if name != "delivery_id"}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[tables.deliveries.c.delivery_id], set_=columns), values
    )


def _key_of(kind: type[KeyT], row: Mapping[str, Any]) -> KeyT:
    """The key under which a row of the table was counted."""
    return kind(**{field.name: row[field.name] for field in fields(kind)})


async def _move(connection: AsyncConnection, table: Table, *, minus: Sequence[KeyT], plus: Sequence[KeyT]) -> None:
    """Subtract the old contributions from a table of counts and add the new ones."""
    changes = Counter(plus)
    changes.subtract(minus)
    values = [{**asdict(key), "count": change} for key, change in sorted(changes.items()) if change]
    if not values:
        return
    statement = _insert(connection, table)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_={"count": table.c.count + statement.excluded.count}
        ),
        values,
    )
    lowered = [astuple(key) for key, change in changes.items() if change < 0]
    if lowered:
        is_lowered = tuple_(*table.primary_key.columns).in_(lowered)
        await connection.execute(delete(table).where(is_lowered, table.c.count == 0))
