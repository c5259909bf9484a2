"""Facts per second of stats, compared with storing the same facts without counting."""

import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from sqlalchemy.dialects.sqlite import insert

from services.stats import tables
from services.stats.facts import Fact, fact_of
from services.stats.migrate import MIGRATIONS
from services.stats.store import StatsStore
from shared.db.engine import make_engine, sqlite_url
from shared.db.migrating import upgrade
from shared.domain.taxonomy import default_taxonomy
from tests.support.builders.lifecycle import decided, registered
from tests.support.databases.engines import KINDS, database

REPORTS = 4_000
BATCH = 500
ROUNDS = 3

Rates = dict[str, list[float]]
BARE, SQLITE, POSTGRESQL = "bare", "sqlite", "postgresql"


def facts() -> list[Fact]:
    """Return two facts per report, registered and routed, in this order."""
    return [
        fact_of(record.attributes, record.event)
        for number in range(REPORTS)
        for record in (registered(number), decided(number))
    ]


async def measure(directory: Path) -> Rates:
    """Measure the facts per second of each round, each on an empty database."""
    all_facts = facts()
    rates: Rates = {BARE: [], SQLITE: [], POSTGRESQL: []}
    for number in range(ROUNDS):
        rates[BARE].append(await _written(sqlite_url(directory / f"bare-{number}.db"), all_facts))
        for kind in KINDS:
            own = directory / f"{kind}-{number}"
            own.mkdir()
            async with database(kind, own) as url:
                rates[kind].append(await _counted(url, all_facts))
    return rates


async def _counted(url: str, all_facts: Sequence[Fact]) -> float:
    await upgrade(url, MIGRATIONS)
    engine = make_engine(url)
    store = StatsStore(engine, default_taxonomy())
    await store.prepare()
    begun = time.perf_counter()
    for batch in _batches(all_facts):
        if len(await store.record_facts(batch)) != len(batch):
            raise RuntimeError("The store ignored some facts as known")
    elapsed = time.perf_counter() - begun
    await engine.dispose()
    return len(all_facts) / elapsed


async def _written(url: str, all_facts: Sequence[Fact]) -> float:
    """The baseline: store each fact once, one transaction per batch, without counting."""
    await upgrade(url, MIGRATIONS)
    engine = make_engine(url)
    begun = time.perf_counter()
    for batch in _batches(all_facts):
        async with engine.begin() as connection:
            await connection.execute(
                insert(tables.facts).on_conflict_do_nothing(),
                [
                    {"event_id": fact.event_id, "report_id": fact.report_id, "kind": fact.kind, "body": fact.body}
                    for fact in batch
                ],
            )
    elapsed = time.perf_counter() - begun
    await engine.dispose()
    return len(all_facts) / elapsed


def _batches(all_facts: Iterable[Fact]) -> Iterable[list[Fact]]:
    rest = iter(all_facts)
    while batch := list(islice(rest, BATCH)):
        yield batch
