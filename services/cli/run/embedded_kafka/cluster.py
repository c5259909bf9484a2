"""Several nodes of Apache Kafka on this machine, with replicas, passwords and access rules as in production."""

import asyncio
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from services.cli.run.embedded_kafka.cache import Report, report_nothing
from services.cli.run.embedded_kafka.config import ADMIN_USER, Cluster, Member, min_insync
from services.cli.run.embedded_kafka.embedded import HEAP_MIB, EmbeddedKafka
from services.cli.run.embedded_kafka.ports import HOST, choose_port
from services.cli.run.embedded_kafka.preparation import Membership, new_cluster_id
from services.cli.run.embedded_kafka.runnable import RunnableBroker
from shared.settings import KafkaSettings

NODES = 3
PORTS_OF_A_NODE = 3
PRIVATE = 0o600


class EmbeddedCluster(RunnableBroker):
    """Nodes below ``var``, each in its own folder (``var/kafka-1`` and so on). ``async with`` runs them.

    Only the administrator has any rights until others are granted (`laksa topics apply`). Started again on the same
    folder it is the same cluster on other ports.

    Args:
        var: The folder for everything that changes; the nodes' passwords are in ``var/kafka-cluster.json``.
        size: How many nodes; production has three.
        heap_mib: Each JVM's largest heap, in MiB.
        variables: The environment that names the cache, Java and a mirror.
    """

    def __init__(
        self,
        var: Path,
        *,
        size: int = NODES,
        heap_mib: int = HEAP_MIB,
        variables: Mapping[str, str] = os.environ,
    ) -> None:
        self.cluster = _describe(var, size)
        self.nodes = tuple(
            EmbeddedKafka(var, heap_mib=heap_mib, variables=variables, membership=Membership(self.cluster, member))
            for member in self.cluster.members
        )

    def administrator(self) -> KafkaSettings:
        """The connection of the administrator, who may make users, topics and rules, on the nodes' own listener."""
        settings = self._connection([member.nodes_port for member in self.cluster.members])
        admin = {"sasl_username": ADMIN_USER, "sasl_password": SecretStr(self.cluster.admin_password)}
        return settings.model_copy(update={"sasl_mechanism": "PLAIN", **admin})

    def connection(self, user: str, password: str) -> KafkaSettings:
        """The connection of this user, by SCRAM-SHA-512."""
        settings = self._connection([member.port for member in self.cluster.members])
        return settings.model_copy(update={"sasl_username": user, "sasl_password": SecretStr(password)})

    def prepare(self, report: Report = report_nothing) -> None:
        """Fetch the jars and format each node's data once. Blocks.

        Raises:
            BrokerError: something is missing, or another process uses the data; the message says what to do.
        """
        for node in self.nodes:
            node.prepare(report)

    def start(self) -> None:
        """Start all nodes; they need each other to become ready."""
        for node in self.nodes:
            node.start()

    async def wait_ready(self) -> None:
        """Return once each node answers.

        Raises:
            BrokerNotReadyError: one of them ended or takes too long.
        """
        await asyncio.gather(*(node.wait_ready() for node in self.nodes))

    async def stop(self) -> None:
        """End all nodes and unlock their data."""
        await asyncio.gather(*(node.stop() for node in self.nodes))

    def _connection(self, ports: list[int]) -> KafkaSettings:
        return KafkaSettings(
            bootstrap_servers=",".join(f"{HOST}:{port}" for port in ports),
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            ssl_ca_file=None,
            replication_factor=self.cluster.copies,
            min_insync_replicas=min_insync(self.cluster.copies),
        )


def _describe(var: Path, size: int) -> Cluster:
    """The cluster of this folder: its id and passwords are made once, its ports are chosen at each start."""
    file = var.absolute() / "kafka-cluster.json"
    if not file.exists():
        made = {"id": new_cluster_id(), "node": secrets.token_urlsafe(24), "admin": secrets.token_urlsafe(24)}
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.touch(mode=PRIVATE)
        unfinished.write_text(json.dumps(made), encoding="ascii")
        unfinished.replace(file)
    kept = json.loads(file.read_text(encoding="ascii"))
    return Cluster(
        id=kept["id"], members=_choose_members(size), node_password=kept["node"], admin_password=kept["admin"]
    )


def _choose_members(size: int) -> tuple[Member, ...]:
    chosen: dict[int, None] = {}  # each port once
    while len(chosen) < size * PORTS_OF_A_NODE:
        chosen[choose_port()] = None
    ports = iter(chosen)
    return tuple(Member(number, next(ports), next(ports), next(ports)) for number in range(1, size + 1))
