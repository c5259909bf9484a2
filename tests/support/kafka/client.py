"""Reading and writing a real Kafka in tests: raw records in, everything on a topic out, offsets looked at."""

import itertools
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient

from shared.messaging.connection import connection_options
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.topic_admin import TopicSpec, create_topics
from shared.settings import KafkaSettings

RUN = secrets.token_hex(4)  # tells this run's topics and groups from others' on a Kafka that both use
_numbers = itertools.count(1)

RawRecord = tuple[bytes | None, Sequence[tuple[str, Any]]]


def unique(name: str) -> str:
    """A name that no other test uses, of this run or another."""
    return f"{name}-{RUN}-{next(_numbers)}"


def is_of_this_run(name: str) -> bool:
    """Whether `unique` made this name, in this process."""
    return f"-{RUN}-" in name


async def make_topics(kafka: KafkaSettings, *names: str, partitions: int = 3) -> None:
    """Create topics that keep everything, in as many copies as this Kafka wants."""
    await create_topics(
        kafka,
        [TopicSpec(name, partitions, None, kafka.replication_factor, kafka.min_insync_replicas) for name in names],
    )


def real_producer(kafka: KafkaSettings, *, deadline: timedelta = timedelta(seconds=30)) -> EventProducer:
    """A producer as our services have one."""
    return EventProducer(partial(make_client, kafka), deadline=deadline)


async def write_raw(
    kafka: KafkaSettings, topic: str, records: Iterable[RawRecord], *, partition: int | None = None
) -> None:
    """Write values and headers as they are, null and binary ones too, to one partition or spread over all of them."""
    producer = AIOKafkaProducer(**connection_options(kafka), acks="all", max_request_size=2_000_000)
    await producer.start()
    try:
        partitions = sorted(await producer.partitions_for(topic)) if partition is None else [partition]
        sent = [
            await producer.send(
                topic, value=value, key=b"k", headers=headers, partition=partitions[number % len(partitions)]
            )
            for number, (value, headers) in enumerate(records)
        ]
        for future in sent:
            await future
    finally:
        await producer.stop()


async def read_all(kafka: KafkaSettings, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Everything that stands on a topic by now."""
    async with _reader(kafka, topic) as consumer:
        partitions = consumer.assignment()
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord[bytes, bytes]] = []
        while [partition for partition in partitions if await consumer.position(partition) < ends[partition]]:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found.extend(records)
        return found


async def unread(kafka: KafkaSettings, group: str, topic: str) -> int:
    """How many records of a topic the group has not acknowledged."""
    async with _reader(kafka, topic) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
    async with _reader(kafka, group_id=group) as consumer:
        consumer.assign(list(ends))  # assigned by hand, so that it takes no partition from the group's own members
        return sum([end - (await consumer.committed(partition) or 0) for partition, end in ends.items()])


async def consumer_groups(kafka: KafkaSettings) -> set[str]:
    """The names of all groups that Kafka knows."""
    client = AIOKafkaAdminClient(**connection_options(kafka))
    await client.start()
    try:
        return {name for name, _ in await client.list_consumer_groups()}
    finally:
        await client.close()


@asynccontextmanager
async def _reader(kafka: KafkaSettings, *topics: str, group_id: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *topics,
        **connection_options(kafka),
        group_id=group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()
