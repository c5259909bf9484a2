"""The outbox by itself: kept in order, kept through a kill, removed only on purpose; its relay is tested beside it."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import make_engine, sqlite_url
from shared.db.outbox import Outbox, OutboxDepth, outbox_table
from shared.errors import BrokerUnavailable, DatabaseUnavailable
from shared.events.outgoing import OutgoingRecord
from shared.messaging import relay as relaying
from shared.messaging.relay import Relay
from shared.observability.metrics import MessagingMetrics
from tests.support.databases.engines import KINDS, database
from tests.support.kafka.producer import InMemoryProducer

PROJECT = Path(__file__).resolve().parents[3]
KILLED_WRITER = """
import asyncio, os, signal, sys
from sqlalchemy import MetaData
from shared.db.engine import make_engine
from shared.db.outbox import Outbox, outbox_table
from shared.events.outgoing import OutgoingRecord

async def main():
    engine = make_engine(sys.argv[1])
    outbox = Outbox(engine, outbox_table(MetaData()))
    for value in (b"a", b"b"):
        async with engine.begin() as connection:
            await outbox.add(connection, [OutgoingRecord("t", b"k", value, [])])
    async with engine.begin() as connection:
        await outbox.add(connection, [OutgoingRecord("t", b"k", b"never committed", [])])
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


class _Box:
    """An empty outbox, and hands to fill it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.metadata = MetaData()
        self.table = outbox_table(self.metadata)
        self.engine: AsyncEngine = make_engine(url)
        self.outbox = Outbox(self.engine, self.table)

    async def commit(self, values: Iterable[str]) -> None:
        """Add a record for each value, all in one transaction."""
        async with self.engine.begin() as connection:
            await self.outbox.add(connection, [_record(value) for value in values])

    def relay(self, producer: InMemoryProducer) -> Relay:
        """What publishes from it."""
        return Relay(self.outbox, producer, lane="routine", metrics=MessagingMetrics(CollectorRegistry()))

    async def values(self, limit: int = 1_000) -> list[str]:
        """What is to be published, in order."""
        return [row.record.value.decode() for row in await self.outbox.pending(limit)]


def _record(value: str) -> OutgoingRecord:
    return OutgoingRecord("t", b"k", value.encode(), [("ce_id", value.encode())])


@pytest.fixture(params=KINDS)
async def box(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[_Box]:
    """On each kind of database that there is."""
    async with database(request.param, tmp_path) as url:
        made = _Box(url)
        async with made.engine.begin() as connection:
            await connection.run_sync(made.metadata.create_all)
        yield made
        await made.engine.dispose()


async def test_a_record_comes_out_as_it_went_in(box: _Box) -> None:
    """Bytes that are no text, an empty key, headers in their order, twice the same name, and letters beyond ASCII."""
    record = OutgoingRecord(
        "opd.dishub.routine.v1", b"", bytes(range(256)), [("b", "é".encode()), ("a", b""), ("b", b'"\\')]
    )
    async with box.engine.begin() as connection:
        await box.outbox.add(connection, [record])

    (row,) = await box.outbox.pending(10)

    assert row.record == record


async def test_records_stay_in_the_order_of_their_transactions(box: _Box) -> None:
    """Within one and from one to the next; a limit gives the oldest."""
    await box.commit(["c", "a"])
    await box.commit(["b"])

    assert await box.values() == ["c", "a", "b"]
    assert await box.values(limit=2) == ["c", "a"]


async def test_looking_takes_nothing_away(box: _Box) -> None:
    """Only a discard removes, and only what it names."""
    await box.commit(["a", "b", "c"])
    rows = await box.outbox.pending(10)
    assert await box.outbox.pending(10) == rows

    await box.outbox.discard([rows[1].row_id])
    await box.outbox.discard([rows[1].row_id])
    await box.outbox.discard([])

    assert await box.values() == ["a", "c"]


async def test_what_is_added_meanwhile_outlives_the_discard(box: _Box) -> None:
    """Records committed while a batch is being published are in the next one."""
    await box.commit(["a"])
    batch = await box.outbox.pending(10)
    await box.commit(["b"])

    await box.outbox.discard([row.row_id for row in batch])

    assert await box.values() == ["b"]


async def test_nothing_to_add_is_fine(box: _Box) -> None:
    """A change that tells nobody anything writes no row."""
    await box.commit([])

    assert await box.values() == []
    assert await box.outbox.depth() == OutboxDepth(0, 0.0)


async def test_records_belong_to_the_callers_transaction(box: _Box) -> None:
    """Before its commit nobody sees them, after a rollback nobody ever does."""
    async with box.engine.connect() as connection:
        await box.outbox.add(connection, [_record("a")])
        assert await box.values() == []
        await connection.rollback()

    assert await box.values() == []


async def test_the_depth_tells_number_and_age(box: _Box) -> None:
    """Of what still waits; what was published does not count any more."""
    begun = time.time()
    await box.commit(["a", "b", "c"])
    (first, *_) = await box.outbox.pending(10)
    await box.outbox.discard([first.row_id])

    depth = await box.outbox.depth()

    assert depth.records == 2
    assert 0 <= depth.oldest_seconds <= time.time() - begun


async def test_a_clock_set_back_gives_no_negative_age(box: _Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alarm that compares ages must not be fooled by a corrected clock."""
    await box.commit(["a"])
    now = time.time()
    monkeypatch.setattr("shared.db.outbox.time.time", lambda: now - 3_600)

    assert (await box.outbox.depth()).oldest_seconds == 0.0


async def test_a_wake_is_heard_at_once_and_not_lost_beforehand(box: _Box) -> None:
    """Whoever waits is woken; a wake just before the wait counts for it, but only once."""

    async def wake() -> None:
        box.outbox.wake()

    await asyncio.wait_for(asyncio.gather(box.outbox.wait(60), wake()), 5)

    box.outbox.wake()
    await asyncio.wait_for(box.outbox.wait(60), 5)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(box.outbox.wait(60), 0.05)


async def test_without_a_wake_the_wait_ends_by_itself(box: _Box) -> None:
    """A wake that was lost with its process costs the given time, no more."""
    await asyncio.wait_for(box.outbox.wait(0.01), 5)


async def test_what_was_committed_outlives_kill_9(box: _Box) -> None:
    """Another process commits, is killed in the middle of the next transaction, and exactly the committed is there."""
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED_WRITER, box.url, cwd=PROJECT)

    assert await asyncio.wait_for(writer.wait(), 30) == -signal.SIGKILL
    assert await box.values() == ["a", "b"]


async def test_publishing_that_fails_midway_loses_nothing_and_keeps_the_order(
    box: _Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three batches, the second fails: the first is gone from the outbox, the rest is all there and follows."""
    monkeypatch.setattr(relaying, "BATCH", 2)
    producer = InMemoryProducer()
    relay = box.relay(producer)
    await box.commit("abcde")

    assert await relay.publish_once() == 2
    producer.failures = 1
    with pytest.raises(BrokerUnavailable):
        await relay.publish_once()
    assert await box.values() == ["c", "d", "e"]

    assert [await relay.publish_once() for _ in range(3)] == [2, 1, 0]
    assert [record.value.decode() for record in producer.sent] == list("abcde")


async def test_a_database_that_fails_after_publishing_repeats_and_never_skips(
    box: _Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka has the record, the row could not be removed: it is sent again under the same id."""
    producer = InMemoryProducer()
    relay = box.relay(producer)
    await box.commit(["a"])

    async def fail(*_: object) -> None:
        raise DatabaseUnavailable("The database does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(box.outbox, "discard", fail)
        with pytest.raises(DatabaseUnavailable):
            await relay.publish_once()

    await relay.publish_once()
    assert [record.headers for record in producer.sent] == [[("ce_id", b"a")]] * 2
    assert await box.values() == []


async def test_a_database_that_does_not_answer_is_transient(tmp_path: Path) -> None:
    """Each question to the outbox says so in the same way, so that its relay waits."""
    box = _Box(sqlite_url(tmp_path / "gone" / "outbox.db"))

    for ask in (box.outbox.pending(1), box.outbox.depth(), box.outbox.discard([1])):
        with pytest.raises(DatabaseUnavailable):
            await ask
    await box.engine.dispose()
