"""One suite for the real producer and for the fake that other tests use: what callers may rely on."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import BrokerUnavailable, RecordTooLarge
from shared.events.outgoing import OutgoingRecord
from shared.messaging.producer import EventProducer, make_client, partition_by_crc32, partitioned
from shared.settings import KafkaSettings
from tests.support.kafka.brokers import embedded_kafka
from tests.support.kafka.client import make_topics, read_all, real_producer, unique
from tests.support.kafka.producer import InMemoryProducer

Stored = list[tuple[bytes, bytes, dict[str, bytes]]]


@dataclass
class _Published:
    """A producer, an existing topic, a missing one, and the records stored on the first."""

    producer: EventProducer
    topic: str
    missing: str
    stored: Callable[[], Awaitable[Stored]]

    def record(self, value: bytes, *, topic: str | None = None, key: bytes = b"k") -> OutgoingRecord:
        """A record for the existing topic."""
        return OutgoingRecord(topic or self.topic, key, value, [("ce_id", value[:20])])


@pytest.fixture(params=["real", "fake"])
async def published(request: pytest.FixtureRequest, kafka: KafkaSettings) -> AsyncIterator[_Published]:
    """Each of the two producers in turn."""
    topic, missing = unique("published"), unique("missing")
    if request.param == "fake":
        fake = InMemoryProducer()
        fake.refused_topics = frozenset({missing})

        async def kept() -> Stored:
            return [(record.key, record.value, dict(record.headers)) for record in fake.on(topic)]

        yield _Published(fake, topic, missing, kept)
        return
    await make_topics(kafka, topic)
    producer = real_producer(kafka, deadline=timedelta(seconds=2))

    async def stored() -> Stored:
        records = await read_all(kafka, topic)
        return [(record.key or b"", record.value or b"", dict(record.headers)) for record in records]

    await producer.start()
    yield _Published(producer, topic, missing, stored)
    await producer.stop()


async def test_what_was_sent_is_stored_as_it_is(published: _Published) -> None:
    """Key, value and headers arrive untouched, records of one key in order."""
    await published.producer.send_all([published.record(str(number).encode()) for number in range(50)])

    wanted = [(b"k", str(number).encode(), {"ce_id": str(number).encode()}) for number in range(50)]
    assert await published.stored() == wanted


async def test_more_than_a_batch_holds_is_stored_in_order(published: _Published) -> None:
    """A partition's records that fill several batches keep their order, whatever else is sent between them."""
    sent = [published.record(bytes([number]) * 50_000, key=b"ab"[number % 2 :][:1]) for number in range(40)]

    await published.producer.send_all(sent)

    stored = await published.stored()
    assert len(stored) == len(sent)
    for key in (b"a", b"b"):
        assert [value for own, value, _ in stored if own == key] == [
            record.value for record in sent if record.key == key
        ]


async def test_the_largest_records_are_stored_too(published: _Published) -> None:
    """Records that each fill a batch are all stored."""
    sent = [published.record(bytes([number]) * (256 * 1024 - 200), key=b"k") for number in range(3)]

    await published.producer.send_all(sent)

    assert [value for _, value, _ in await published.stored()] == [record.value for record in sent]


async def test_nothing_of_a_set_with_a_record_too_large_is_sent(published: _Published) -> None:
    """If one record of a set is too large, none is sent, because the caller retries them one by one."""
    with pytest.raises(RecordTooLarge):
        await published.producer.send_all([published.record(b"small"), published.record(b"x" * 300_000)])

    assert await published.stored() == []


async def test_what_departments_read_is_sent_uncompressed(kafka: KafkaSettings) -> None:
    """Records for departments are sent uncompressed, because the broker stores them so; all others are compressed."""
    packed, unpacked = unique("packed"), f"opd.{unique('unpacked')}"
    await make_topics(kafka, packed, unpacked)
    client = make_client(kafka)
    await client.start()
    value = b"the same again and again " * 100

    sets = await partitioned(client, [OutgoingRecord(topic, b"k", value, []) for topic in (packed, unpacked)])
    sizes = {
        topic: len(batches[0]._build())  # noqa: SLF001  # aiokafka shows the bytes of a batch nowhere else
        for (topic, _), batches in sets.items()
    }
    await client.stop()

    assert sizes[packed] < len(value) / 10
    assert sizes[unpacked] > len(value)


async def test_nothing_to_send_is_no_reason_to_ask_kafka(published: _Published) -> None:
    """A handler without outputs succeeds."""
    await published.producer.send_all([])

    assert await published.stored() == []


async def test_a_record_too_large_is_permanent_and_harms_nobody_else(published: _Published) -> None:
    """A too large record is a permanent error, not a transient one, and the next record is stored."""
    with pytest.raises(RecordTooLarge):
        await published.producer.send_all([published.record(b"x" * 300_000)])

    await published.producer.send_all([published.record(b"small")])
    assert [value for _, value, _ in await published.stored()] == [b"small"]


async def test_a_topic_that_is_not_there_is_transient_and_harms_nobody_else(published: _Published) -> None:
    """A missing topic is transient, because it may be created later; the producer still stores other records."""
    with pytest.raises(BrokerUnavailable):
        await published.producer.send_all([published.record(b"lost", topic=published.missing)])

    await published.producer.send_all([published.record(b"fine")])
    assert [value for _, value, _ in await published.stored()] == [b"fine"]


async def test_a_send_while_kafka_is_dead_ends_by_its_deadline_and_heals(tmp_path: Path) -> None:
    """Kill -9: the result is unknown within the deadline; after the restart the same records are stored."""
    async with embedded_kafka(tmp_path) as broker:
        kafka = broker.connection()
        topic = unique("published")
        await make_topics(kafka, topic)
        producer = real_producer(kafka, deadline=timedelta(seconds=1))
        record = OutgoingRecord(topic, b"k", b"v", [("ce_id", b"1")])
        await producer.send_all([record])
        broker.kill()

        async with asyncio.timeout(10):
            with pytest.raises(BrokerUnavailable):
                await producer.send_all([record])
        with pytest.raises(BrokerUnavailable):
            await producer.check()

        broker.start()
        await broker.wait_ready()
        await _send_until_taken(producer, record)
        await producer.check()
        await producer.stop()
        assert {record.value for record in await read_all(kafka, topic)} == {b"v"}


async def test_a_topic_that_is_not_there_holds_back_nothing_else(kafka: KafkaSettings) -> None:
    """A missing lifecycle topic does not delay a department's record; the set as a whole is not acknowledged."""
    topic = unique("published")
    await make_topics(kafka, topic)
    producer = real_producer(kafka, deadline=timedelta(seconds=2))
    fact = OutgoingRecord(unique("missing"), b"k", b"fact", [("ce_id", b"1")])
    emergency = OutgoingRecord(topic, b"k", b"emergency", [("ce_id", b"2")])
    with pytest.raises(BrokerUnavailable):
        await producer.send_all([fact, emergency])
    await producer.stop()

    assert [record.value for record in await read_all(kafka, topic)] == [b"emergency"]


async def test_a_client_that_was_given_up_is_gone(tmp_path: Path) -> None:
    """After Kafka hung with its port open (F05), an abandoned client leaves no task that could write later."""
    async with embedded_kafka(tmp_path) as broker:
        kafka = broker.connection()
        topic = unique("published")
        await make_topics(kafka, topic)
        producer = real_producer(kafka, deadline=timedelta(seconds=1))
        await producer.start()
        before = asyncio.all_tasks() - _tasks_of_aiokafka()
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            for _ in range(2):
                with pytest.raises(BrokerUnavailable):
                    await producer.send_all([OutgoingRecord(topic, b"k", b"v", [("ce_id", b"1")])])
            assert _tasks_of_aiokafka() - before == set()
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        await producer.stop()


def _tasks_of_aiokafka() -> set["asyncio.Task[object]"]:
    return {task for task in asyncio.all_tasks() if "aiokafka" in repr(task.get_coro())}


async def _send_until_taken(producer: EventProducer, record: OutgoingRecord) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await producer.send_all([record])
            except BrokerUnavailable:
                await asyncio.sleep(0.1)
            else:
                return


def test_a_key_always_has_the_same_partition() -> None:
    """CRC32 of the key, as librdkafka places it: every producer of a topic must agree."""
    partitions = list(range(12))

    assert partition_by_crc32(b"123456789", partitions, partitions) == 0xCBF43926 % 12
    assert partition_by_crc32(None, partitions, []) == 0
