"""The settings of the embedded Kafka: its server.properties and its command line. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.cli.run.embedded_kafka.errors import BrokerError
from services.cli.run.embedded_kafka.ports import HOST

LOG_CONFIG = Path(__file__).with_name("log4j2.properties")
NODE_ID = 1
# Newer Java warns of what Kafka and its libraries use; each option is given to the versions that warn.
QUIET_OPTIONS = {"--sun-misc-unsafe-memory-access=allow": 23, "--enable-native-access=ALL-UNNAMED": 24}

MOST_COPIES = 3
FEW_PARTITIONS = {
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.num.partitions": "3",
    "share.coordinator.state.topic.num.partitions": "3",
}
PROMISES = {
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "offsets.retention.minutes": "43200",  # 30 days: a service that was off for so long continues where it stopped
}
# After kill -9 a broker must wait until its own former session has ended; Kafka's default is 9 s.
QUICK_RETURN = {
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
}
# With the session above, clients wait 3 s instead of 11 when a node is killed (measured, three nodes).
QUICK_FAILOVER = {
    "controller.quorum.election.timeout.ms": "1000",
    "controller.quorum.fetch.timeout.ms": "1000",
}
# What no rule allows is denied. The nodes and the administrator are exempt from the rules.
NODE_USER = "node"
ADMIN_USER = "admin"
ACCESS_RULES = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": f"User:{NODE_USER};User:{ADMIN_USER}",
}
# Sized for one city's load on one machine: fewer threads, 4 MiB instead of 128 for the log cleaner, and index files of
# 1 MiB instead of 10 in each of some 250 partitions.
SMALL = {
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
    "log.cleaner.dedupe.buffer.size": str(4 * 1024 * 1024),
    "log.index.size.max.bytes": str(1024 * 1024),
}


@dataclass(frozen=True, slots=True)
class Member:
    """One node of a cluster: its number, and its ports for clients, for other nodes, and as a controller."""

    id: int
    port: int
    nodes_port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """What all nodes of a cluster know; the passwords are those of `NODE_USER` and `ADMIN_USER`."""

    id: str
    members: tuple[Member, ...]
    node_password: str
    admin_password: str

    @property
    def copies(self) -> int:
        """Replicas of each partition."""
        return min(MOST_COPIES, len(self.members))

    def admin_credentials(self) -> dict[str, str]:
        """Aiokafka's options to connect as the administrator, on the nodes' own listener."""
        return {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": ADMIN_USER,
            "sasl_plain_password": self.admin_password,
        }


def server_properties(*, port: int, controller_port: int, log_dir: Path) -> dict[str, str]:
    """All settings of a single node that is broker and controller, without authentication.

    Raises:
        BrokerError: the data path holds a comma, which Kafka takes for the end of a path.
    """
    return {
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        **_of_any_node(NODE_ID, log_dir, copies=1),
    }


def member_properties(cluster: Cluster, member: Member, *, log_dir: Path) -> dict[str, str]:
    """All settings of one node of a cluster with authentication.

    Clients use SCRAM-SHA-512. Their passwords are in the metadata that the nodes must first agree on, so the nodes and
    the administrator use PLAIN.

    Raises:
        BrokerError: the data path holds a comma, which Kafka takes for the end of a path.
    """
    ports = {"CLIENTS": member.port, "NODES": member.nodes_port, "CONTROLLER": member.controller_port}
    voters = (f"{voter.id}@{HOST}:{voter.controller_port}" for voter in cluster.members)
    return {
        "controller.quorum.voters": ",".join(voters),
        "listeners": ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items()),
        "advertised.listeners": f"CLIENTS://{HOST}:{member.port},NODES://{HOST}:{member.nodes_port}",
        "listener.security.protocol.map": ",".join(f"{name}:SASL_PLAINTEXT" for name in ports),
        "inter.broker.listener.name": "NODES",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.clients.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        **_plain_listener("nodes", cluster),
        **_plain_listener("controller", cluster),
        **ACCESS_RULES,
        **QUICK_FAILOVER,
        **_of_any_node(member.id, log_dir, copies=cluster.copies),
    }


def _plain_listener(name: str, cluster: Cluster) -> dict[str, str]:
    """A listener with its own list of users and passwords, and this node's own user."""
    known = {NODE_USER: cluster.node_password, ADMIN_USER: cluster.admin_password}
    users = " ".join(f'user_{user}="{password}"' for user, password in known.items())
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    return {
        f"listener.name.{name}.sasl.enabled.mechanisms": "PLAIN",
        f"listener.name.{name}.plain.sasl.jaas.config": (
            f'{module} username="{NODE_USER}" password="{cluster.node_password}" {users};'
        ),
    }


def _of_any_node(node_id: int, log_dir: Path, *, copies: int) -> dict[str, str]:
    if "," in str(log_dir):
        raise BrokerError(f"Kafka cannot keep data below a folder with a comma in its name: {log_dir}")
    return {
        "process.roles": "broker,controller",
        "node.id": str(node_id),
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(log_dir),
        **_copies(copies),
        **FEW_PARTITIONS,
        **PROMISES,
        **QUICK_RETURN,
        **SMALL,
    }


def _copies(count: int) -> dict[str, str]:
    """Replicas of all topics, Kafka's own included, and how many must have a record before it is acknowledged."""
    needed = str(min_insync(count))
    return {
        "default.replication.factor": str(count),
        "min.insync.replicas": needed,
        "offsets.topic.replication.factor": str(count),
        "transaction.state.log.replication.factor": str(count),
        "transaction.state.log.min.isr": needed,
        "share.coordinator.state.topic.replication.factor": str(count),
        "share.coordinator.state.topic.min.isr": needed,
    }


def min_insync(copies: int) -> int:
    """All replicas but one: one node may be down, and an acknowledged record is still on two of three."""
    return max(1, copies - 1)


def format_properties(settings: Mapping[str, str]) -> str:
    """The text of a Java properties file; it escapes backslashes and non-ASCII characters as JSON does."""
    return "".join(f"{name}={json.dumps(value)[1:-1]}\n" for name, value in settings.items())


def java_options(*, java_major: int, heap_mib: int, log_file: Path) -> list[str]:
    """The JVM's options: a small heap, a quick start, and no warnings about Kafka's own code."""
    return [
        *(option for option, since in QUIET_OPTIONS.items() if java_major >= since),
        f"-Xmx{heap_mib}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",  # the quick compiler only: starts sooner, and the load is small
        "-XX:+ExitOnOutOfMemoryError",  # a broker that is short of memory is worse than one that is restarted
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOG_CONFIG.as_uri()}",
        f"-Dlaksa.kafka.log={log_file}",
    ]
