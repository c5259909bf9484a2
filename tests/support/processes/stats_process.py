"""The real stats process on a real Kafka, fed with facts as the other services would publish them."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from shared.db.engine import sqlite_url
from shared.events import topics
from shared.events.envelope import headers_of
from shared.events.models import Event
from shared.events.outgoing import OutgoingRecord
from shared.messaging.producer import EventProducer
from shared.messaging.received import Received
from shared.settings import KafkaSettings
from tests.support.kafka.client import real_producer
from tests.support.processes.service_process import ServiceProcess, kafka_with_topics

DEADLINE = timedelta(seconds=20)


@dataclass(kw_only=True)
class StatsProcess(ServiceProcess):
    """One stats process, and a producer of facts beside it."""

    kafka: KafkaSettings
    producer: EventProducer = field(repr=False)

    async def publish(self, events: Iterable[Received[Event]]) -> None:
        """Put facts on the lifecycle topic."""
        await self.producer.send_all(
            [
                OutgoingRecord(topics.LIFECYCLE, one.attributes.subject.encode(), one.body, headers_of(one.attributes))
                for one in events
            ]
        )

    async def get(self, path: str) -> Any:
        """What it answers, as JSON, or None where it does not answer 200."""
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"{self.url}{path}")
            return answer.json() if answer.status_code == 200 else None


@asynccontextmanager
async def stats_process(directory: Path) -> AsyncIterator[StatsProcess]:
    """A ready stats process on a Kafka of its own; both end with the test."""
    async with kafka_with_topics(directory) as kafka:
        producer = real_producer(kafka, deadline=DEADLINE)
        await producer.start()
        made = StatsProcess(
            command=["services.stats"],
            kafka=kafka,
            directory=directory,
            settings={"LAKSA_DATABASE_URL": sqlite_url(directory / "stats.db")},
            producer=producer,
        )
        try:
            await made.start()
            yield made
        finally:
            await made.kill_if_running()
            await producer.stop()
