"""The Kafka of `laksa run` before the services start on it."""

from pathlib import Path

from services.cli.run.broker import make_topics
from services.cli.run.embedded_kafka import EmbeddedKafka
from shared.messaging.topic_admin import admin_client


async def test_consumer_groups_can_be_used_as_soon_as_the_topics_are_made(tmp_path: Path) -> None:
    """On a new Kafka, groups have a coordinator as soon as the topics are created."""
    async with EmbeddedKafka(tmp_path) as kafka:
        settings = kafka.connection()
        assert await make_topics(settings) > 0
        async with admin_client(settings) as admin:
            assert await admin.list_consumer_group_offsets("router-routine") == {}
        assert await make_topics(settings) == 0
