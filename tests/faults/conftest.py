"""Fixtures of the fault tests: a Kafka per test, and service processes on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.messaging.producer import EventProducer
from shared.settings import KafkaSettings
from tests.support.databases.engines import database
from tests.support.kafka.client import real_producer
from tests.support.processes.fleet import Fleet, fleet
from tests.support.processes.service_process import kafka_with_topics


@pytest.fixture
async def kafka(tmp_path: Path) -> AsyncIterator[KafkaSettings]:
    """A Kafka per test, with every topic."""
    async with kafka_with_topics(tmp_path) as made:
        yield made


@pytest.fixture
async def producer(kafka: KafkaSettings) -> AsyncIterator[EventProducer]:
    """A producer on that Kafka."""
    made = real_producer(kafka)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def processes(kafka: KafkaSettings, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Starts service processes on that Kafka; the rest are killed at the end of the test."""
    async with fleet(kafka, tmp_path) as made:
        yield made


@pytest.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty PostgreSQL database."""
    async with database("postgresql", tmp_path) as url:
        yield url
