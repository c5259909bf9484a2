"""The store counts each fact once with all its effects, in any order and repetition (S1, S5)."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.stats import tables
from services.stats.accounting import conservation
from services.stats.queries import StatsQueries
from services.stats.store import StatsStore
from services.stats.windows import Window, window_of
from shared.db.engine import make_engine, sqlite_url
from shared.domain.lanes import Lane
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.domain.taxonomy import default_taxonomy
from shared.errors import DatabaseUnavailable
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import disturbed, facts, many_lives
from tests.support.databases.stats_tables import (
    cells,
    dump,
    fact_count,
    forget_everything,
    lines,
    make_stats_tables,
    recount,
)

YEAR = window_of("2024-01", "2024-07")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_any_order_and_any_repetition_count_the_same(
    engine: AsyncEngine, store: StatsStore, data: st.DataObject
) -> None:
    """Counters, distinct event ids and rows agree for all batches (S1), and a rebuild changes no byte (S5)."""
    known = data.draw(many_lives())
    await forget_everything(engine)
    for fact in known:
        await store.record_facts([fact])
    one_by_one = await dump(engine)
    await forget_everything(engine)
    again = data.draw(disturbed(known))
    cut = data.draw(st.integers(0, len(again)))
    for batch in (again[:cut], again[cut:], again):
        await store.record_facts(batch)
    assert await dump(engine) == one_by_one
    assert await fact_count(engine) == len(known)
    assert (await cells(engine), await lines(engine)) == recount(known)
    await store.rebuild()
    assert await dump(engine) == one_by_one


async def test_the_published_112_table_comes_out(store: StatsStore, queries: StatsQueries) -> None:
    """Facts in reverse order and twice give the published 376 calls: 122, 67, 30, 29 and 128."""
    known = facts(*lifecycle.calls_of_2024())
    await store.record_facts(reversed(known))
    await store.record_facts(known)
    assert await queries.calls_112(YEAR) == CALLS_112_TANGERANG_2024.parts


async def test_the_first_and_the_last_call_are_on_the_edges_of_the_period(
    store: StatsStore, queries: StatsQueries
) -> None:
    """The first call is in 2023 by UTC, so a window by UTC would miss it."""
    await store.record_facts(facts(*lifecycle.calls_of_2024()))
    days = await queries.counts_by("day", Window())
    assert (min(days), max(days)) == ("2024-01-01", "2024-07-31")
    assert sum(days.values()) == 376


async def test_only_new_facts_are_returned(store: StatsStore) -> None:
    """Duplicates are detected by event id, within a batch and across batches."""
    known = facts(lifecycle.registered(), lifecycle.decided())
    assert len(await store.record_facts([*known, *known])) == 2
    assert await store.record_facts(known) == []
    assert await store.record_facts([]) == ()


async def test_a_duplicate_changes_nothing_not_even_the_revision(store: StatsStore, queries: StatsQueries) -> None:
    """A duplicate changes no row and no revision, so viewers get no update."""
    await store.record_facts(facts(lifecycle.registered()))
    before = await queries.revision()
    await store.record_facts(facts(lifecycle.registered()))
    assert await queries.revision() == before
    await store.record_facts(facts(lifecycle.decided()))
    assert await queries.revision() == before + 1


async def test_a_new_fact_moves_a_report_from_cell_to_cell(engine: AsyncEngine, store: StatsStore) -> None:
    """A new fact subtracts the report's old contribution and adds the new one; empty cells are removed."""
    for event in (lifecycle.registered(), lifecycle.decided(), lifecycle.status_changed(to="resolved")):
        await store.record_facts(facts(event))
        assert sum((await cells(engine)).values()) == 1
    assert [key.status for key in await cells(engine)] == ["resolved"]


async def test_conservation_counts_first_decisions_per_lane(store: StatsStore, queries: StatsQueries) -> None:
    """An undecided report is the difference; exercises and unregistered reports are not counted."""
    await store.record_facts(
        facts(
            lifecycle.registered(1, lane="emergency"),
            lifecycle.decided(1),
            lifecycle.registered(2, lane="emergency"),
            lifecycle.registered(3),
            lifecycle.decided(3, "ended", None),
            lifecycle.registered(4, mode="exercise"),
            lifecycle.decided(4, mode="exercise"),
            lifecycle.decided(5),
        )
    )
    accounts = conservation(await queries.accounts())
    emergency, routine = accounts[Lane.EMERGENCY], accounts[Lane.ROUTINE]
    assert (emergency.accepted, emergency.routed, emergency.difference) == (2, 1, 1)
    assert (routine.accepted, routine.ended, routine.difference) == (1, 1, 0)
    assert list(await queries.oldest_undecided()) == ["emergency"]
    assert await queries.unregistered() == 1


async def test_failing_deliveries_are_counted_per_department(store: StatsStore, queries: StatsQueries) -> None:
    """A failing delivery counts until a later attempt succeeds, also to informed departments, but not for exercises."""
    await store.record_facts(
        facts(
            lifecycle.registered(1),
            lifecycle.delivery(1, "failed"),
            lifecycle.delivery(1, "exhausted", opd="BPBD", role="informed"),
            lifecycle.registered(2, mode="exercise"),
            lifecycle.delivery(2, "failed"),
        )
    )
    assert await queries.failing_deliveries() == {"DISHUB": 1, "BPBD": 1}
    await store.record_facts(facts(lifecycle.delivery(1, "delivered", attempt=2)))
    assert await queries.failing_deliveries() == {"BPBD": 1}


async def test_writers_at_once_lose_nothing(engine: AsyncEngine, queries: StatsQueries) -> None:
    """Concurrent replicas with overlapping facts in different orders, as after a rebalance, lose nothing."""
    known = facts(*lifecycle.calls_of_2024()[:120])
    replicas = [StatsStore(engine, default_taxonomy()) for _ in range(3)]
    await make_stats_tables(engine)
    batches = [known[:80], list(reversed(known))[:90], known[30:], known[::2], known[::-3]]
    await asyncio.gather(*(replicas[n % 3].record_facts(batch) for n, batch in enumerate(batches)))
    assert (await cells(engine), await lines(engine)) == recount(known)
    assert sum((await queries.calls_112(Window())).values()) == 60


async def test_a_batch_is_all_or_nothing(engine: AsyncEngine, store: StatsStore) -> None:
    """A fault in the middle of a batch leaves neither facts nor counts (no dedup outside the transaction)."""
    foreign = {"event_id": "x", "report_id": str(lifecycle.report_id(0)), "kind": "unreadable", "body": "{}"}
    async with engine.begin() as connection:
        await connection.execute(insert(tables.facts), [foreign])
    with pytest.raises(KeyError):
        await store.record_facts(facts(lifecycle.registered()))
    assert await fact_count(engine) == 1
    assert await dump(engine) == b""


async def test_a_restart_finds_its_data(engine: AsyncEngine, store: StatsStore) -> None:
    """After a restart the data are there, and the revision continues."""
    await store.record_facts(facts(lifecycle.registered()))
    await store.prepare()
    async with engine.connect() as connection:
        assert (await connection.execute(select(tables.revision.c.number))).scalars().all() == [1]


async def test_a_database_that_is_away_is_transient(tmp_path: Path) -> None:
    """An unavailable database is a transient error, so that its records are not dead-lettered."""
    away = make_engine(sqlite_url(tmp_path / "no-such-folder" / "stats.db"))
    with pytest.raises(DatabaseUnavailable):
        await StatsStore(away, default_taxonomy()).record_facts(facts(lifecycle.registered()))
    with pytest.raises(DatabaseUnavailable):
        await StatsQueries(away).revision()
    await away.dispose()
