"""Outbox and relay on SQLite: committed records are published in order, and removed only after that."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData

from shared.db.engine import make_engine, sqlite_url
from shared.db.outbox import Outbox, outbox_table
from shared.errors import BrokerUnavailable
from shared.events.outgoing import OutgoingRecord
from shared.messaging.relay import Relay
from shared.observability.metrics import MessagingMetrics
from tests.support.kafka.producer import InMemoryProducer
from tests.support.waiting import eventually


class _Spool:
    """An outbox in a file, and its relay."""

    def __init__(self, path: Path) -> None:
        self.metadata = MetaData()
        table = outbox_table(self.metadata)
        self.engine = make_engine(sqlite_url(path))
        self.outbox = Outbox(self.engine, table)
        self.producer = InMemoryProducer()
        self.registry = CollectorRegistry()
        self.relay = Relay(self.outbox, self.producer, lane="routine", metrics=MessagingMetrics(self.registry))

    async def commit(self, *values: str) -> list[OutgoingRecord]:
        """Commit records with these values, as a use case would."""
        records = [OutgoingRecord("t", b"k", value.encode(), [("ce_id", value.encode())]) for value in values]
        async with self.engine.begin() as connection:
            await self.outbox.add(connection, records)
        self.outbox.wake()
        return records


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[_Spool]:
    """An empty outbox."""
    made = _Spool(tmp_path / "spool.db")
    async with made.engine.begin() as connection:
        await connection.run_sync(made.metadata.create_all)
    yield made
    await made.engine.dispose()


async def test_what_was_committed_is_published_in_order(spool: _Spool) -> None:
    """Committed records are published in order with their headers, and removed from the outbox."""
    records = await spool.commit("a", "b") + await spool.commit("c")

    assert await spool.relay.publish_once() == 3

    assert spool.producer.sent == records
    assert (await spool.outbox.depth()).records == 0


async def test_what_kafka_did_not_take_stays(spool: _Spool) -> None:
    """After a publish with an unknown result the records stay and are sent again with the same event ids."""
    records = await spool.commit("a", "b")
    spool.producer.failures = 1

    with pytest.raises(BrokerUnavailable):
        await spool.relay.publish_once()
    assert (await spool.outbox.depth()).records == 2

    await spool.relay.publish_once()
    assert spool.producer.sent == records


async def test_a_running_relay_is_woken_by_a_commit_and_waits_out_kafka(spool: _Spool) -> None:
    """A running relay publishes after a commit, continues after failures, and ends on a stop."""
    stopping = asyncio.Event()
    running = asyncio.create_task(spool.relay.run(stopping))
    await spool.commit("a")
    await eventually(lambda: len(spool.producer.sent) == 1)

    spool.producer.failures = 2
    await spool.commit("b")
    await eventually(lambda: len(spool.producer.sent) == 2)

    await eventually(lambda: spool.registry.get_sample_value("laksa_outbox_records", {"lane": "routine"}) == 0)

    stopping.set()
    spool.outbox.wake()
    await asyncio.wait_for(running, 5)


async def test_the_depth_tells_how_long_the_oldest_waits(spool: _Spool) -> None:
    """The depth has the number of pending records and the age of the oldest."""
    await spool.commit("a", "b")

    depth = await spool.outbox.depth()

    assert depth.records == 2
    assert 0 <= depth.oldest_seconds < 10


async def test_what_was_rolled_back_is_never_published(spool: _Spool) -> None:
    """A record of a rolled-back transaction is not published."""
    record = OutgoingRecord("t", b"k", b"v", [])
    async with spool.engine.connect() as connection:
        await spool.outbox.add(connection, [record])
        await connection.rollback()

    assert await spool.relay.publish_once() == 0


async def test_row_ids_are_never_used_twice(spool: _Spool) -> None:
    """The id of a discarded row is not reused, so that a late discard cannot remove a newer record."""
    await spool.commit("a")
    (first,) = await spool.outbox.pending(10)
    await spool.outbox.discard([first.row_id])
    await spool.commit("b")

    (second,) = await spool.outbox.pending(10)

    assert second.row_id > first.row_id
