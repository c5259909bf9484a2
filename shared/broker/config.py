"""What the embedded Kafka is told: its server.properties and its command line. Pure."""

import json
from collections.abc import Mapping
from pathlib import Path

from shared.broker.errors import BrokerError
from shared.broker.ports import HOST

LOG_CONFIG = Path(__file__).with_name("log4j2.properties")
NODE_ID = 1

# A single node has one copy of everything; Kafka's own defaults want three.
ONE_COPY = {
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}
FEW_PARTITIONS = {
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.num.partitions": "3",
    "share.coordinator.state.topic.num.partitions": "3",
}
PROMISES = {
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "offsets.retention.minutes": "43200",  # 30 days: a service that was off that long goes on where it stopped
}
# After kill -9 a broker must wait until its own former session has ended; Kafka's default is 9 s.
QUICK_RETURN = {
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
}
# One city's load on one machine: fewer threads, no 128 MB for a log cleaner that has next to nothing to clean, and
# index files of 1 MiB instead of 10 in each of some 250 partitions.
SMALL = {
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
    "log.cleaner.dedupe.buffer.size": str(4 * 1024 * 1024),
    "log.index.size.max.bytes": str(1024 * 1024),
}


def server_properties(*, port: int, controller_port: int, log_dir: Path) -> dict[str, str]:
    """All settings of a single node that is broker and controller at once.

    Raises:
        BrokerError: the data path holds a comma, which Kafka takes for the end of a path.
    """
    if "," in str(log_dir):
        raise BrokerError(f"Kafka cannot keep data below a folder with a comma in its name: {log_dir}")
    return {
        "process.roles": "broker,controller",
        "node.id": str(NODE_ID),
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(log_dir),
        **ONE_COPY,
        **FEW_PARTITIONS,
        **PROMISES,
        **QUICK_RETURN,
        **SMALL,
    }


def format_properties(settings: Mapping[str, str]) -> str:
    """The text of a Java properties file; its escapes of backslashes and of what is not ASCII are those of JSON."""
    return "".join(f"{name}={json.dumps(value)[1:-1]}\n" for name, value in settings.items())


def java_options(*, heap_mib: int, log_file: Path) -> list[str]:
    """How the JVM runs Kafka small and quick to start."""
    return [
        f"-Xmx{heap_mib}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",  # the quick compiler only: starts sooner, and the load is small
        "-XX:+ExitOnOutOfMemoryError",  # a broker that limps is worse than one that is started again
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOG_CONFIG.as_uri()}",
        f"-Dlaksa.kafka.log={log_file}",
    ]
