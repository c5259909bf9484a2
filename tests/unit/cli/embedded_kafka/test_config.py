"""The configuration of the embedded Kafka."""

from pathlib import Path

import pytest

from services.cli.run.embedded_kafka.config import (
    LOG_CONFIG,
    QUIET_OPTIONS,
    Cluster,
    Member,
    format_properties,
    java_options,
    member_properties,
    server_properties,
)
from services.cli.run.embedded_kafka.errors import BrokerError

MEMBERS = tuple(Member(number, 9000 + number, 9100 + number, 9200 + number) for number in (1, 2, 3))
CLUSTER = Cluster("L" * 22, MEMBERS, node_password="of-node", admin_password="of-admin")
OF_CLUSTER = member_properties(CLUSTER, MEMBERS[1], log_dir=Path("/var/laksa/kafka-2/data"))
SETTINGS = server_properties(port=9092, controller_port=9093, log_dir=Path("/var/laksa/kafka/data"))


def test_topics_are_only_made_on_purpose() -> None:
    """Kafka does not create topics by itself, so that a misspelt topic is an error."""
    assert SETTINGS["auto.create.topics.enable"] == "false"


def test_nothing_that_was_acknowledged_is_given_up() -> None:
    """No unclean leader is elected, and offsets are kept for 30 days."""
    assert SETTINGS["unclean.leader.election.enable"] == "false"
    assert int(SETTINGS["offsets.retention.minutes"]) == 30 * 24 * 60


def test_a_single_node_wants_a_single_copy() -> None:
    """A single node keeps one copy; with Kafka's default of three, its internal topics could not be created."""
    copies = [name for name in SETTINGS if name.endswith(("replication.factor", "min.isr", "min.insync.replicas"))]

    assert len(copies) == 7
    assert {SETTINGS[name] for name in copies} == {"1"}


def test_it_is_back_soon_after_a_kill() -> None:
    """The session timeout, which delays a restart after a kill, is 2 s and at least three heartbeats long."""
    session, heartbeat = int(SETTINGS["broker.session.timeout.ms"]), int(SETTINGS["broker.heartbeat.interval.ms"])

    assert session == 2_000
    assert heartbeat * 3 <= session


def test_it_listens_on_this_machine_only() -> None:
    """All listeners and the advertised address are on the loopback address."""
    assert SETTINGS["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert SETTINGS["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert SETTINGS["controller.quorum.bootstrap.servers"] == "127.0.0.1:9093"


def test_its_data_lie_where_they_should() -> None:
    """The data are in the given folder, not in Kafka's default /tmp."""
    assert SETTINGS["log.dirs"] == "/var/laksa/kafka/data"


def test_a_folder_that_kafka_would_take_for_two_is_refused() -> None:
    """A folder with a comma is refused, because a comma separates the paths in log.dirs."""
    with pytest.raises(BrokerError, match="comma in its name: /home/a,b"):
        server_properties(port=1, controller_port=2, log_dir=Path("/home/a,b"))


def test_a_path_is_escaped_as_java_reads_it() -> None:
    """In a path, spaces stay, and backslashes and non-ASCII characters are escaped."""
    text = format_properties({"log.dirs": "/home/sri mulyani/öffentlich\\x", "a": "b"})

    assert text == "log.dirs=/home/sri mulyani/\\u00f6ffentlich\\\\x\na=b\n"
    assert text.isascii()


def test_the_jvm_is_small_ends_when_out_of_memory_and_logs_to_our_file() -> None:
    """The JVM has a small heap, exits when out of memory so that it is restarted, and logs to the given file."""
    options = java_options(java_major=17, heap_mib=256, log_file=Path("/var/laksa/log/kafka.log"))

    assert "-Xmx256m" in options
    assert "-XX:+ExitOnOutOfMemoryError" in options
    assert "-Dlaksa.kafka.log=/var/laksa/log/kafka.log" in options
    assert f"-Dlog4j2.configurationFile={LOG_CONFIG.as_uri()}" in options
    assert LOG_CONFIG.is_file()


@pytest.mark.parametrize(("java_major", "times"), [(17, 0), (22, 0), (23, 1), (24, 2), (25, 2)])
def test_newer_java_is_told_not_to_warn_of_what_kafka_uses(java_major: int, times: int) -> None:
    """Options against warnings are only passed to Java versions that know them."""
    options = java_options(java_major=java_major, heap_mib=256, log_file=Path("/var/laksa/log/kafka.log"))

    assert len(set(QUIET_OPTIONS) & set(options)) == times


def test_three_nodes_keep_three_copies_and_need_two() -> None:
    """A cluster keeps three copies and needs two in sync, also of Kafka's internal topics."""
    copies = {name: value for name, value in OF_CLUSTER.items() if name.endswith("replication.factor")}
    needed = {name: value for name, value in OF_CLUSTER.items() if name.endswith(("min.isr", "min.insync.replicas"))}

    assert (len(copies), set(copies.values())) == (4, {"3"})
    assert (len(needed), set(needed.values())) == (3, {"2"})


def test_a_cluster_lets_in_nobody_without_a_name() -> None:
    """Each listener authenticates, clients by SCRAM, and everything without an ACL is denied."""
    assert "PLAINTEXT:PLAINTEXT" not in OF_CLUSTER["listener.security.protocol.map"]
    assert OF_CLUSTER["listener.security.protocol.map"].count(":SASL_PLAINTEXT") == 3
    assert OF_CLUSTER["listener.name.clients.sasl.enabled.mechanisms"] == "SCRAM-SHA-512"
    assert OF_CLUSTER["allow.everyone.if.no.acl.found"] == "false"
    assert OF_CLUSTER["super.users"] == "User:node;User:admin"


def test_the_nodes_know_each_other() -> None:
    """A node has all voters with the controllers' ports, and its own advertised addresses."""
    assert OF_CLUSTER["node.id"] == "2"
    assert OF_CLUSTER["controller.quorum.voters"] == "1@127.0.0.1:9201,2@127.0.0.1:9202,3@127.0.0.1:9203"
    assert OF_CLUSTER["advertised.listeners"] == "CLIENTS://127.0.0.1:9002,NODES://127.0.0.1:9102"


def test_a_cluster_makes_no_topic_by_itself_and_no_unclean_leader() -> None:
    """A cluster creates no topics by itself and elects no unclean leader."""
    assert OF_CLUSTER["auto.create.topics.enable"] == "false"
    assert OF_CLUSTER["unclean.leader.election.enable"] == "false"
