"""Where tests get a Kafka: the given one, else a container where a Docker engine answers, else the embedded one.

The order begins as the pipeline's own does (`resolve_broker`). What a test may do with it depends on what it asks for:

- `kafka`: a Kafka that may hold other things. The test makes topics under `unique` names and minds no others.
- `pipeline_kafka`: every topic of the pipeline, and empty. A given Kafka must have none of them before.
- `embedded_kafka`: the embedded one and no other, for tests that kill it, restart it, or name its port beforehand.

On a given Kafka the topics that tests made are deleted again, and nothing else is touched.
"""

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from services.cli.run.embedded_kafka import EmbeddedKafka, GivenBroker, resolve_broker
from services.cli.run.embedded_kafka.cluster import EmbeddedCluster
from shared.domain.taxonomy import default_taxonomy
from shared.messaging import topic_specs
from shared.messaging.connection import connection_options
from shared.messaging.topic_admin import create_topics
from shared.settings import KafkaSettings
from tests.support.docker_engine import engine_answers
from tests.support.kafka.client import is_of_this_run
from tests.support.waiting import eventually

IMAGE = "apache/kafka:4.4.0"
CLIENTS_PORT = 9092
NODES_VARIABLE = "LAKSA_TEST_KAFKA_NODES"  # `make test-cluster` sets 3: the same tests, on a cluster
START_SECONDS = 60
DELETE_SECONDS = 30.0


class KafkaUnfit(Exception):  # noqa: N818  # named after what is the case
    """The given Kafka cannot be used for tests; the message says why and what to do."""


class KafkaContainer(DockerContainer):
    """Apache Kafka's own image, one node; the ready-made class takes another vendor's images only.

    Kafka must tell its clients the port at which the engine shows it, which is known once the container runs: so the
    container waits for a script that says it.
    """

    SCRIPT = "/tmp/start"  # noqa: S108  # a path inside the container

    def __init__(self) -> None:
        super().__init__(IMAGE)
        self.with_exposed_ports(CLIENTS_PORT)
        self.with_command(["sh", "-c", f"until [ -f {self.SCRIPT} ]; do sleep 0.1; done; . {self.SCRIPT}"])
        for name, value in container_settings().items():
            self.with_env(name, value)

    @property
    def bootstrap_servers(self) -> str:
        """``host:port``, once it is started."""
        return f"{self.get_container_host_ip()}:{self.get_exposed_port(CLIENTS_PORT)}"

    def start(self) -> Self:
        """Start it and return when it serves. Blocks."""
        super().start()
        self.get_wrapped_container().put_archive("/", _archive(self.SCRIPT, start_script(self.bootstrap_servers)))
        served = LogMessageWaitStrategy("Kafka Server started")
        served.with_startup_timeout(START_SECONDS)
        served.wait_until_ready(self)
        return self


def container_settings() -> dict[str, str]:
    """What the image's entry point makes of server.properties; given one setting, it wants all that matter."""
    one_copy = (
        "DEFAULT_REPLICATION_FACTOR",
        "MIN_INSYNC_REPLICAS",
        "OFFSETS_TOPIC_REPLICATION_FACTOR",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
        "TRANSACTION_STATE_LOG_MIN_ISR",
        "SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR",
        "SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR",
    )
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LISTENERS": f"CLIENTS://0.0.0.0:{CLIENTS_PORT},CONTROLLER://localhost:9093,NODES://localhost:9094",
        "LISTENER_SECURITY_PROTOCOL_MAP": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT,NODES:PLAINTEXT",
        "INTER_BROKER_LISTENER_NAME": "NODES",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "UNCLEAN_LEADER_ELECTION_ENABLE": "false",
        "OFFSETS_TOPIC_NUM_PARTITIONS": "3",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        **dict.fromkeys(one_copy, "1"),
    }
    return {f"KAFKA_{name}": value for name, value in settings.items()}


def start_script(bootstrap_servers: str) -> str:
    """What the container's shell reads: the address that clients use, and then the image's own entry point."""
    listeners = f"CLIENTS://{bootstrap_servers},NODES://localhost:9094"
    return f"export KAFKA_ADVERTISED_LISTENERS={listeners}\nexec /etc/kafka/docker/run\n"


@asynccontextmanager
async def kafka(directory: Path, *, nodes: int = 1) -> AsyncIterator[KafkaSettings]:
    """A Kafka with at least so many nodes, for topics under names that nobody else uses.

    Several nodes are given ones or an embedded cluster, reached as its administrator; a container is one node.

    Raises:
        KafkaUnfit: the given one has fewer nodes.
    """
    nodes = max(nodes, wanted_nodes())
    chosen = resolve_broker(directory / "var", port=None)
    if isinstance(chosen, GivenBroker):
        given = chosen.connection()
        await _check_nodes(given, nodes)
        try:
            yield given
        finally:
            await delete_topics(given, {name for name in await topics_of(given) if is_of_this_run(name)})
    elif nodes > 1:
        async with EmbeddedCluster(directory / "var", size=nodes) as cluster:
            yield cluster.administrator()
    elif engine_answers():
        async with _in_container() as made:
            yield made
    else:
        async with chosen as embedded:
            yield embedded.connection()


@asynccontextmanager
async def pipeline_kafka(directory: Path, *, nodes: int = 1) -> AsyncIterator[KafkaSettings]:
    """A Kafka with every topic of the pipeline, all empty.

    Raises:
        KafkaUnfit: as `kafka`; and where the given one has topics of a pipeline already.
    """
    async with kafka(directory, nodes=nodes) as found:
        await _refuse_if_used(found)
        await make_pipeline_topics(found)
        try:
            yield found
        finally:
            if _is_given():
                await delete_topics(found, _names())


def embedded_kafka(directory: Path, *, port: int | None = None) -> EmbeddedKafka:
    """The embedded one, whatever else there is: its process is the test's to kill, its port may be named beforehand."""
    return EmbeddedKafka(directory / "var", port=port)


async def make_pipeline_topics(found: KafkaSettings) -> None:
    """Create every topic of the pipeline, with the copies that this Kafka is to keep."""
    await create_topics(
        found,
        topic_specs.all_topics(
            default_taxonomy().opds, replication=found.replication_factor, min_insync=found.min_insync_replicas
        ),
    )


def wanted_nodes() -> int:
    """How many nodes the tests of this run work on where they do not say it themselves."""
    return int(os.environ.get(NODES_VARIABLE, "1"))


def describe_kafka() -> str:
    """Which Kafka the tests of this run use, for a person."""
    chosen = resolve_broker(Path(), port=None)
    if isinstance(chosen, GivenBroker):
        return chosen.describe()
    if wanted_nodes() > 1:
        return f"embedded Apache Kafka of {wanted_nodes()} nodes (of one where a test kills it)"
    return f"containers of {IMAGE}" if engine_answers() else "embedded Apache Kafka"


@asynccontextmanager
async def _in_container() -> AsyncIterator[KafkaSettings]:
    container = KafkaContainer()
    await asyncio.to_thread(container.start)
    try:
        yield KafkaSettings(bootstrap_servers=container.bootstrap_servers, security_protocol="PLAINTEXT")
    finally:
        await asyncio.to_thread(container.stop)


async def _check_nodes(found: KafkaSettings, nodes: int) -> None:
    async with _admin(found) as admin:
        there = len((await admin.describe_cluster())["brokers"])
    if there < nodes:
        raise KafkaUnfit(f"The Kafka at {found.bootstrap_servers} has {there} nodes, this test needs {nodes}")


async def _refuse_if_used(found: KafkaSettings) -> None:
    used = sorted(_names() & await topics_of(found))
    if used:
        raise KafkaUnfit(
            f"The Kafka at {found.bootstrap_servers} has topics of a pipeline ({', '.join(used[:3])}, …). Tests fill "
            "and delete them: give one without, or unset LAKSA_KAFKA_BOOTSTRAP_SERVERS"
        )


async def topics_of(found: KafkaSettings) -> set[str]:
    """The names of all topics there."""
    async with _admin(found) as admin:
        return set(await admin.list_topics())


async def delete_topics(found: KafkaSettings, names: set[str]) -> None:
    """Delete topics, and return when they are gone."""
    if not names:
        return
    async with _admin(found) as admin:
        await admin.delete_topics(sorted(names))

    async def are_gone() -> bool:
        return not names & await topics_of(found)

    await eventually(are_gone, DELETE_SECONDS)


@asynccontextmanager
async def _admin(found: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection_options(found))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def _is_given() -> bool:
    return isinstance(resolve_broker(Path(), port=None), GivenBroker)


def _names() -> set[str]:
    return {spec.name for spec in topic_specs.all_topics(default_taxonomy().opds)}


def _archive(path: str, text: str) -> bytes:
    content = text.encode()
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.size, entry.mode = len(content), 0o644
    with io.BytesIO() as made:
        with tarfile.TarFile(fileobj=made, mode="w") as archive:
            archive.addfile(entry, io.BytesIO(content))
        return made.getvalue()
