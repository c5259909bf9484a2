"""A service does not start on a Kafka that could lose records, and says what to change."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.cli.run.embedded_kafka import EmbeddedKafka
from shared.db.engine import sqlite_url
from shared.domain.taxonomy import default_taxonomy
from shared.messaging import topic_specs
from shared.messaging.topic_admin import create_topics
from shared.settings import KafkaSettings
from tests.support.processes.environment import kafka_at
from tests.support.processes.intake_process import write_channels
from tests.support.processes.service_process import ServiceProcess
from tests.support.waiting import eventually

SECONDS = 60.0
THREE_COPIES = {"LAKSA_KAFKA_REPLICATION_FACTOR": "3", "LAKSA_KAFKA_MIN_INSYNC_REPLICAS": "2"}


def _service(kind: str, kafka: KafkaSettings, directory: Path, settings: Mapping[str, str]) -> ServiceProcess:
    own = {
        "intake": {
            "LAKSA_SPOOL_DIRECTORY": str(directory / "spool"),
            "LAKSA_CHANNELS_FILE": str(write_channels(directory)),
        },
        "router": {},
        "stats": {"LAKSA_DATABASE_URL": sqlite_url(directory / "stats.db")},
    }[kind]
    lane = ["--lane", "emergency"] if kind == "router" else []
    return ServiceProcess([f"services.{kind}", *lane], kafka, directory, {**own, **settings})


async def _last_words(service: ServiceProcess) -> str:
    """The output of a service that exits by itself."""
    await service.launch()
    try:
        assert service.process is not None
        await eventually(lambda: service.process is None or service.process.returncode is not None, SECONDS)
        assert service.process.returncode != 0
    finally:
        await service.kill_if_running()
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
    return "\n".join(line.get("what", "") for line in lines if line["level"] == "critical")


@pytest.mark.parametrize("kind", ["intake", "router", "stats"])
async def test_fewer_copies_than_the_environment_asks_for_end_the_service(kind: str, tmp_path: Path) -> None:
    """Fewer replicas than configured stop the service; the message names the setting and the topic."""
    async with EmbeddedKafka(tmp_path / "var") as broker:
        await create_topics(broker.connection(), topic_specs.all_topics(default_taxonomy().opds))
        said = await _last_words(_service(kind, broker.connection(), tmp_path, THREE_COPIES))
    assert "has 1 copies and LAKSA_KAFKA_REPLICATION_FACTOR asks for 3" in said
    assert "has min.insync.replicas=1 and LAKSA_KAFKA_MIN_INSYNC_REPLICAS asks for 2" in said


async def test_a_kafka_that_makes_topics_by_itself_ends_the_service(tmp_path: Path) -> None:
    """Automatic topic creation stops the service, because a misspelt topic would take reports."""
    broker = EmbeddedKafka(tmp_path / "var")
    broker.prepare()
    config = broker.folders.home / "server.properties"
    config.write_text(config.read_text().replace("auto.create.topics.enable=false", "auto.create.topics.enable=true"))
    try:
        broker.start()
        await broker.wait_ready()
        await create_topics(broker.connection(), topic_specs.all_topics(default_taxonomy().opds))
        said = await _last_words(_service("router", broker.connection(), tmp_path, {}))
    finally:
        await broker.stop()
    assert "set auto.create.topics.enable=false on its nodes" in said


async def test_settings_that_contradict_themselves_end_the_service_before_it_connects(tmp_path: Path) -> None:
    """min.insync of 2 with one replica is impossible: the message names both settings, and the exit status is 1."""
    needless = {"LAKSA_KAFKA_MIN_INSYNC_REPLICAS": "2"}
    service = _service("router", kafka_at(1), tmp_path, needless)
    await service.launch()
    assert service.process is not None
    await eventually(lambda: service.process is None or service.process.returncode is not None, SECONDS)
    assert service.process.returncode == 1
    assert "LAKSA_KAFKA_MIN_INSYNC_REPLICAS=2 of 1 copies" in service.log.read_text()


async def test_a_topic_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """With a missing topic the service is not ready and names the command to run; afterwards it is ready."""
    async with EmbeddedKafka(tmp_path / "var") as broker:
        router = _service("router", broker.connection(), tmp_path, {})
        await router.launch()
        try:
            await eventually(lambda: "run `laksa topics apply`" in router.log.read_text(), SECONDS)
            assert not await router.is_ready()
            await create_topics(broker.connection(), topic_specs.all_topics(default_taxonomy().opds))
            await eventually(router.is_ready, SECONDS)
            await router.stop()
        finally:
            await router.kill_if_running()
