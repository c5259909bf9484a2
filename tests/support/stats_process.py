"""The real stats process on a real Kafka, fed with facts as the other services would publish them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from shared.broker import EmbeddedKafka
from shared.db.engine import sqlite_url
from shared.domain.taxonomy import default_taxonomy
from shared.events.envelope import headers_of
from shared.events.models import Event
from shared.events.outgoing import OutgoingRecord
from shared.messaging import topics
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.received import Received
from shared.messaging.topic_admin import create_topics
from shared.settings import KafkaSettings
from tests.support.receivers import unused_port
from tests.support.waiting import eventually

READY_SECONDS = 60.0
DEADLINE = timedelta(seconds=20)


@dataclass
class StatsProcess:
    """One stats process and its surroundings."""

    kafka: KafkaSettings
    directory: Path
    port: int
    producer: EventProducer
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        environment = os.environ | {
            "LAKSA_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "LAKSA_HTTP_PORT": str(self.port),
            "LAKSA_DATABASE_URL": sqlite_url(self.directory / "stats.db"),
        }
        with (self.directory / "stats.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.stats", env=environment, stderr=log
            )
        await eventually(self.is_ready, READY_SECONDS)

    async def is_ready(self) -> bool:
        """Whether its readiness says so."""
        try:
            async with httpx2.AsyncClient() as client:
                return (await client.get(f"{self.url}/health/ready")).status_code == 200
        except httpx2.HTTPError:
            return False

    async def end(self, how: signal.Signals) -> int:
        """Signal it and return its status."""
        assert self.process is not None
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), 20.0)

    async def stop(self) -> None:
        """Ask it to end, and see that it did so in order."""
        assert await self.end(signal.SIGTERM) in {0, -signal.SIGTERM}  # uvicorn ends by the signal it was sent
        assert "Application shutdown complete" in (self.directory / "stats.log").read_text()

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
    async with EmbeddedKafka(directory / "var") as broker:
        kafka = broker.connection()
        await create_topics(kafka, topics.all_topics(default_taxonomy().opds))
        producer = EventProducer(lambda: make_client(kafka), deadline=DEADLINE)
        await producer.start()
        made = StatsProcess(kafka, directory, unused_port(), producer)
        await made.start()
        try:
            yield made
        finally:
            if made.process is not None and made.process.returncode is None:
                made.process.kill()
                await made.process.wait()
            await producer.stop()
