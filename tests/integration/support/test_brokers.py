"""The choice of a Kafka for tests: a given one is left unchanged; a container's settings start a Kafka."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.cli.run.embedded_kafka import EmbeddedKafka
from services.cli.run.embedded_kafka.ports import HOST, choose_port
from services.cli.run.embedded_kafka.readiness import wait_until_answers
from shared.settings import KafkaSettings
from tests.support.kafka import brokers
from tests.support.kafka.client import make_topics, read_all, unique, write_raw

ENTRY_POINT = "kafka.docker.KafkaDockerWrapper"  # the class that the image runs before Kafka
PIPELINE_TOPIC = "lifecycle.v1"


@pytest.fixture(scope="module")
async def embedded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedKafka]:
    """A Kafka that stands for a given one."""
    async with brokers.embedded_kafka(tmp_path_factory.mktemp("given")) as started:
        yield started


@pytest.fixture
def given(embedded: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    """Its address in the environment variable."""
    monkeypatch.setenv("LAKSA_KAFKA_BOOTSTRAP_SERVERS", embedded.bootstrap_servers)
    return embedded.connection()


async def test_a_given_kafka_is_used_and_left_as_it_was(given: KafkaSettings, tmp_path: Path) -> None:
    """Topics of the tests are deleted afterwards, other topics are not."""
    await make_topics(given, "somebodys.own")
    async with brokers.kafka(tmp_path) as found:
        assert found.bootstrap_servers == given.bootstrap_servers
        mine = unique("mine")
        await make_topics(found, mine)
        await write_raw(found, mine, [(b"1", [])])
    assert await brokers.topics_of(given) == {"somebodys.own"}
    async with brokers.pipeline_kafka(tmp_path) as found:
        assert PIPELINE_TOPIC in await brokers.topics_of(found)
        await write_raw(found, PIPELINE_TOPIC, [(b"1", [])])
    async with brokers.pipeline_kafka(tmp_path) as found:
        assert await read_all(found, PIPELINE_TOPIC) == []
    assert await brokers.topics_of(given) == {"somebodys.own"}
    assert not (tmp_path / "var").exists()


async def test_a_given_kafka_with_a_pipeline_on_it_is_refused(given: KafkaSettings, tmp_path: Path) -> None:
    """A given Kafka that has a pipeline's topics is refused, so that tests do not touch real reports."""
    await make_topics(given, PIPELINE_TOPIC)
    try:
        await write_raw(given, PIPELINE_TOPIC, [(b"somebody's", [])])
        with pytest.raises(brokers.KafkaUnfit, match=PIPELINE_TOPIC):
            async with brokers.pipeline_kafka(tmp_path):
                pass
        assert [record.value for record in await read_all(given, PIPELINE_TOPIC)] == [b"somebody's"]
    finally:
        await brokers.delete_topics(given, {PIPELINE_TOPIC})


async def test_a_given_kafka_of_one_node_does_not_do_for_three(given: KafkaSettings, tmp_path: Path) -> None:
    """A given Kafka with one node is refused where a test needs three."""
    with pytest.raises(brokers.KafkaUnfit, match=f"{given.bootstrap_servers} has 1 nodes"):
        async with brokers.kafka(tmp_path, nodes=3):
            pass


async def test_without_a_given_one_three_nodes_are_embedded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every record has three copies, and tests read and write as on one node."""
    monkeypatch.delenv("LAKSA_KAFKA_BOOTSTRAP_SERVERS", raising=False)
    async with brokers.kafka(tmp_path, nodes=3) as found:
        assert (found.replication_factor, found.min_insync_replicas) == (3, 2)
        topic = unique("copied")
        await make_topics(found, topic)
        await write_raw(found, topic, [(b"1", [])])
        assert [record.value for record in await read_all(found, topic)] == [b"1"]


async def test_what_a_container_is_told_makes_a_kafka(embedded: EmbeddedKafka, tmp_path: Path) -> None:
    """The image's entry point accepts the container's settings, and Kafka starts with them; only ports differ."""
    ports = {str(port): str(choose_port()) for port in (9092, 9093, 9094)}
    script = brokers.start_script(f"{HOST}:9092")
    advertised = re.findall(r"export (\w+)=(\S+)", script)
    environment = {
        name: re.sub(r"\b909[234]\b", lambda port: ports[port[0]], value)
        for name, value in (brokers.container_settings() | dict(advertised)).items()
    }
    environment |= {"CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qg", "KAFKA_LOG_DIRS": str(tmp_path / "log")}
    for folder in ("none", "config"):
        (tmp_path / folder).mkdir()
    java, variables = embedded.command()[0], {**embedded.environment(), **environment}
    folders = [f"--{kind}-configs-dir={tmp_path / 'none'}" for kind in ("default", "mounted")]
    setup = [java, ENTRY_POINT, "setup", *folders, f"--final-configs-dir={tmp_path / 'config'}"]
    await asyncio.to_thread(subprocess.run, setup, env=variables, check=True, capture_output=True)
    server = [java, "-Xmx256m", "kafka.Kafka", str(tmp_path / "config" / "server.properties")]
    with (tmp_path / "log.txt").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*server, env=variables, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(brokers.START_SECONDS):
            await wait_until_answers(HOST, int(ports["9092"]), still_worth_it=lambda: None)
        found = KafkaSettings(bootstrap_servers=f"{HOST}:{ports['9092']}")
        await brokers.make_pipeline_topics(found)
        await write_raw(found, PIPELINE_TOPIC, [(b"1", [])])
        assert len(await read_all(found, PIPELINE_TOPIC)) == 1
    finally:
        process.kill()
        await process.wait()
