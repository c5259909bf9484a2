"""Hands on a running cluster: who leads what, who is behind, and how long writers wait meanwhile."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from shared.errors import BrokerUnavailable
from shared.events.outgoing import OutgoingRecord
from shared.messaging.connection import connection_options
from shared.process.waiting import wait_or_stop
from shared.settings import KafkaSettings
from tests.support.kafka.client import real_producer
from tests.support.kafka.clusters import ProtectedKafka

PROBED = "probe.of.stalls"
PROBE_PARTITIONS = 12
PROBE_PAUSE_SECONDS = 0.2
WRITERS = 2
BECAME_CONTROLLER = re.compile(r"Becoming the active controller at epoch (\d+)")


async def leader_of(kafka: ProtectedKafka, topic: str) -> int:
    """The node that leads most partitions of a topic."""
    partitions = (await _described(kafka.administrator, [topic]))[topic]
    return Counter(int(one["leader"]) for one in partitions).most_common(1)[0][0]


def active_controller(kafka: ProtectedKafka) -> int:
    """The node that led the quorum last, by what each node has logged of itself; clients are not told."""
    epochs = {
        number: max((int(epoch) for epoch in BECAME_CONTROLLER.findall(node.folders.log_file.read_text())), default=-1)
        for number, node in enumerate(kafka.cluster.nodes, start=1)
    }
    return max(epochs, key=lambda number: epochs[number])


async def is_whole(kafka: ProtectedKafka) -> bool:
    """Whether every copy of every partition is in sync again."""
    try:
        topics = await _described(kafka.administrator, None)
    except (KafkaError, OSError):
        return False
    return all(len(one["isr"]) == len(one["replicas"]) for partitions in topics.values() for one in partitions)


@dataclass
class Stalls:
    """How long each acknowledged write of a steady writer took, in seconds, with the moment when it began."""

    waits: list[tuple[float, float]] = field(default_factory=list)

    def longest(self, since: float) -> float:
        """The longest wait of a write that was under way after this moment of the monotonic clock."""
        return max((seconds for began, seconds in self.waits if began + seconds >= since), default=0.0)


@asynccontextmanager
async def steady_writer(kafka: ProtectedKafka) -> AsyncIterator[Stalls]:
    """Writes one record to each of 12 partitions, over and over, as our services publish; notes each wait."""
    admin = AIOKafkaAdminClient(**connection_options(kafka.administrator))
    await admin.start()
    await admin.create_topics([NewTopic(PROBED, PROBE_PARTITIONS, 3, topic_configs={"min.insync.replicas": "2"})])
    await admin.close()
    stalls, stopping = Stalls(), asyncio.Event()
    writing = [asyncio.create_task(_write(kafka.administrator, number, stalls, stopping)) for number in range(WRITERS)]
    try:
        yield stalls
    finally:
        stopping.set()
        await asyncio.gather(*writing)


async def _write(kafka: KafkaSettings, number: int, stalls: Stalls, stopping: asyncio.Event) -> None:
    """One of several writers, so that a wait for one partition does not hide the others'."""
    producer = real_producer(kafka, deadline=timedelta(seconds=60))
    keys = [f"{number}-{one}".encode() for one in range(PROBE_PARTITIONS)]
    try:
        while not stopping.is_set():
            began = time.monotonic()
            with contextlib.suppress(BrokerUnavailable):  # it counts as a wait all the same
                await producer.send_all([OutgoingRecord(PROBED, key, b"{}", []) for key in keys])
            stalls.waits.append((began, time.monotonic() - began))
            await wait_or_stop(stopping, PROBE_PAUSE_SECONDS)
    finally:
        await producer.stop()


async def _described(kafka: KafkaSettings, names: list[str] | None) -> Mapping[str, list[dict[str, Any]]]:
    admin = AIOKafkaAdminClient(**connection_options(kafka))
    await admin.start()
    try:
        return {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(names)}
    finally:
        await admin.close()
