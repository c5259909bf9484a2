"""One Kafka for the messaging tests; each has topics of its own."""

from collections.abc import AsyncIterator

import pytest

from shared.broker import EmbeddedKafka
from shared.settings import KafkaSettings


@pytest.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaSettings]:
    """How to reach it."""
    async with EmbeddedKafka(tmp_path_factory.mktemp("kafka") / "var") as broker:
        yield broker.connection()
