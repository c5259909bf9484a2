"""The content of the derived tables of stats as comparable text, and the expected content."""

import json
from collections import Counter
from collections.abc import Iterable

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.stats import tables
from services.stats.aggregation import AccountKey, CubeKey, fold
from services.stats.facts import Fact
from services.stats.store import StatsStore
from shared.domain.taxonomy import default_taxonomy
from tests.support.databases.engines import make_tables


async def make_stats_tables(engine: AsyncEngine) -> None:
    """Create empty tables for a store."""
    await make_tables(engine, tables.metadata, tables.REVISION)
    await StatsStore(engine, default_taxonomy()).prepare()


async def dump(engine: AsyncEngine) -> bytes:
    """Every derived row in the order of the keys; equal tables give equal text."""
    async with engine.connect() as connection:
        rows = [
            [table.name, *map(str, row)]
            for table in tables.DERIVED
            for row in await connection.execute(select(table).order_by(*table.primary_key.columns))
        ]
    return "\n".join(json.dumps(row) for row in rows).encode()


async def cells(engine: AsyncEngine) -> Counter[CubeKey]:
    """The cells of the cube."""
    async with engine.connect() as connection:
        rows = (await connection.execute(select(tables.cube))).all()
    return Counter({CubeKey(*row[:-1]): row[-1] for row in rows})


async def lines(engine: AsyncEngine) -> Counter[AccountKey]:
    """The lines of the accounts."""
    async with engine.connect() as connection:
        rows = (await connection.execute(select(tables.accounts))).all()
    return Counter({AccountKey(*row[:-1]): row[-1] for row in rows})


async def fact_count(engine: AsyncEngine) -> int:
    """The number of stored facts."""
    async with engine.connect() as connection:
        return (await connection.execute(select(func.count()).select_from(tables.facts))).scalar_one()


async def forget_everything(engine: AsyncEngine) -> None:
    """Empty every table but the revision."""
    async with engine.begin() as connection:
        for table in (tables.facts, *tables.DERIVED):
            await connection.execute(delete(table))


def recount(facts: Iterable[Fact]) -> tuple[Counter[CubeKey], Counter[AccountKey]]:
    """Cube and accounts, counted directly from the facts."""
    by_report: dict[str, list[Fact]] = {}
    for fact in facts:
        by_report.setdefault(fact.report_id, []).append(fact)
    rows = [fold(report_id, known, default_taxonomy()) for report_id, known in by_report.items()]
    return (
        Counter(row.cube_key for row in rows if row.cube_key),
        Counter(row.account_key for row in rows if row.account_key),
    )
