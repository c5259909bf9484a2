"""The batches of a relay, and its gauge of pending records."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import make_engine, sqlite_url
from shared.db.outbox import Outbox, outbox_table
from shared.events.outgoing import OutgoingRecord
from shared.messaging import relay as relaying
from shared.messaging.relay import Relay
from shared.observability.metrics import MessagingMetrics
from tests.support.kafka.producer import InMemoryProducer
from tests.support.waiting import eventually


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An outbox database in a file."""
    made = make_engine(sqlite_url(tmp_path / "spool.db"))
    yield made
    await made.dispose()


async def outbox_with(engine: AsyncEngine, *values: str) -> Outbox:
    """Return an outbox with these records."""
    metadata = MetaData()
    outbox = Outbox(engine, outbox_table(metadata))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await outbox.add(connection, [OutgoingRecord("t", b"k", value.encode(), []) for value in values])
    return outbox


async def test_the_gauge_counts_what_waits_behind_a_full_batch_too(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gauge counts all pending records, also those beyond a full batch."""
    monkeypatch.setattr(relaying, "BATCH", 2)
    registry = CollectorRegistry()
    outbox = await outbox_with(engine, "a", "b", "c", "d", "e")
    relay = Relay(outbox, InMemoryProducer(), lane="routine", metrics=MessagingMetrics(registry))

    seen = []
    for _ in range(4):
        await relay.publish_once()
        seen.append(registry.get_sample_value("laksa_outbox_records", {"lane": "routine"}))

    assert seen == [5, 3, 1, 0]


async def test_a_relay_that_lets_records_gather_ends_at_once_all_the_same(engine: AsyncEngine) -> None:
    """W3: on a stop the relay publishes what it has and ends without the wait for more records."""
    outbox = await outbox_with(engine, "a")
    producer, stopping = InMemoryProducer(), asyncio.Event()
    metrics = MessagingMetrics(CollectorRegistry())
    relay = Relay(outbox, producer, lane="routine", metrics=metrics, gather=timedelta(hours=1))
    running = asyncio.create_task(relay.run(stopping))
    await eventually(lambda: len(producer.sent) == 1)

    stopping.set()
    await asyncio.wait_for(running, 5)
