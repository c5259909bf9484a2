"""One Kafka for the messaging tests; each has topics of its own."""

from collections.abc import AsyncIterator

import pytest

from shared.settings import KafkaSettings
from tests.support.kafka import brokers


@pytest.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaSettings]:
    """How to reach it."""
    async with brokers.kafka(tmp_path_factory.mktemp("kafka")) as found:
        yield found
