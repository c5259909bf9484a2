"""The outbox: order, survival of a kill, and removal; together with its relay."""

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
    """An empty outbox, and ways to fill it."""

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
        """A relay that publishes from it."""
        return Relay(self.outbox, producer, lane="routine", metrics=MessagingMetrics(CollectorRegistry()))

    async def values(self, limit: int = 1_000) -> list[str]:
        """What is to be published, in order."""
        return [row.record.value.decode() for row in await self.outbox.pending(limit)]


def _record(value: str) -> OutgoingRecord:
    return OutgoingRecord("t", b"k", value.encode(), [("ce_id", value.encode())])


@pytest.fixture(params=KINDS)
async def box(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[_Box]:
    """An outbox on each kind of database."""
    async with database(request.param, tmp_path) as url:
        made = _Box(url)
        async with made.engine.begin() as connection:
            await connection.run_sync(made.metadata.create_all)
        yield made
        await made.engine.dispose()


async def test_a_record_comes_out_as_it_went_in(box: _Box) -> None:
    """Binary values, an empty key, header order, repeated names and non-ASCII text are kept."""
    record = OutgoingRecord(
        "opd.dishub.routine.v1", b"", bytes(range(256)), [("b", "é".encode()), ("a", b""), ("b", b'"\\')]
    )
    async with box.engine.begin() as connection:
        await box.outbox.add(connection, [record])

    (row,) = await box.outbox.pending(10)

    assert row.record == record


async def test_records_stay_in_the_order_of_their_transactions(box: _Box) -> None:
    """Records keep their order within and between transactions; a limit returns the oldest."""
    await box.commit(["c", "a"])
    await box.commit(["b"])

    assert await box.values() == ["c", "a", "b"]
    assert await box.values(limit=2) == ["c", "a"]


async def test_looking_takes_nothing_away(box: _Box) -> None:
    """Reading removes nothing; a discard removes only the named rows."""
    await box.commit(["a", "b", "c"])
    rows = await box.outbox.pending(10)
    assert await box.outbox.pending(10) == rows

    await box.outbox.discard([rows[1].row_id])
    await box.outbox.discard([rows[1].row_id])
    await box.outbox.discard([])

    assert await box.values() == ["a", "c"]


async def test_what_is_added_meanwhile_outlives_the_discard(box: _Box) -> None:
    """Records committed during a publish are in the next batch."""
    await box.commit(["a"])
    batch = await box.outbox.pending(10)
    await box.commit(["b"])

    await box.outbox.discard([row.row_id for row in batch])

    assert await box.values() == ["b"]


async def test_nothing_to_add_is_fine(box: _Box) -> None:
    """Adding no records writes no row."""
    await box.commit([])

    assert await box.values() == []
    assert await box.outbox.depth() == OutboxDepth(0, 0.0)


async def test_records_belong_to_the_callers_transaction(box: _Box) -> None:
    """Records are invisible before the commit and gone after a rollback."""
    async with box.engine.connect() as connection:
        await box.outbox.add(connection, [_record("a")])
        assert await box.values() == []
        await connection.rollback()

    assert await box.values() == []


async def test_the_depth_tells_number_and_age(box: _Box) -> None:
    """The depth counts only pending records."""
    begun = time.time()
    await box.commit(["a", "b", "c"])
    (first, *_) = await box.outbox.pending(10)
    await box.outbox.discard([first.row_id])

    depth = await box.outbox.depth()

    assert depth.records == 2
    assert 0 <= depth.oldest_seconds <= time.time() - begun


async def test_a_clock_set_back_gives_no_negative_age(box: _Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """The age is never negative after the clock was set back."""
    await box.commit(["a"])
    now = time.time()
    monkeypatch.setattr("shared.db.outbox.time.time", lambda: now - 3_600)

    assert (await box.outbox.depth()).oldest_seconds == 0.0


async def test_a_wake_is_heard_at_once_and_not_lost_beforehand(box: _Box) -> None:
    """A wake ends a wait; a wake just before the wait counts once."""

    async def wake() -> None:
        box.outbox.wake()

    await asyncio.wait_for(asyncio.gather(box.outbox.wait(60), wake()), 5)

    box.outbox.wake()
    await asyncio.wait_for(box.outbox.wait(60), 5)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(box.outbox.wait(60), 0.05)


async def test_without_a_wake_the_wait_ends_by_itself(box: _Box) -> None:
    """Without a wake, the wait ends after the given time."""
    await asyncio.wait_for(box.outbox.wait(0.01), 5)


async def test_what_was_committed_outlives_kill_9(box: _Box) -> None:
    """After a process is killed during a transaction, exactly the committed records exist."""
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED_WRITER, box.url, cwd=PROJECT)

    assert await asyncio.wait_for(writer.wait(), 30) == -signal.SIGKILL
    assert await box.values() == ["a", "b"]


async def test_publishing_that_fails_midway_loses_nothing_and_keeps_the_order(
    box: _Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the second of three batches fails, the first is removed and the others are published later."""
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
    """If a published row cannot be removed, it is sent again under the same id."""
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
    """Every operation raises the same transient error, so the relay waits."""
    box = _Box(sqlite_url(tmp_path / "gone" / "outbox.db"))

    for ask in (box.outbox.pending(1), box.outbox.depth(), box.outbox.discard([1])):
        with pytest.raises(DatabaseUnavailable):
            await ask
    await box.engine.dispose()
