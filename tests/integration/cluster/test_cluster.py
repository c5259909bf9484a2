"""Several nodes as our child processes: what they keep, and who may read their settings."""

import stat
from pathlib import Path

import pytest

from shared.broker import BrokerError
from shared.broker.cluster import EmbeddedCluster
from tests.support.cluster_faults import active_controller
from tests.support.clusters import ProtectedKafka, protected_kafka
from tests.support.kafka import read_all, write_raw

KEPT = "departments.dishub.v1"


async def test_started_again_on_its_folder_it_is_the_same_cluster(tmp_path: Path) -> None:
    """Records, users and rules are there, though every node has other ports."""
    async with protected_kafka(tmp_path) as first:
        await write_raw(first.as_user("opd-dishub"), KEPT, [(b"before", [])])

    async with EmbeddedCluster(tmp_path / "var") as again:
        second = ProtectedKafka(again, first.passwords)
        assert again.cluster.id == first.cluster.cluster.id
        assert {record.value for record in await read_all(second.administrator, KEPT)} == {b"before"}
        await write_raw(second.as_user("opd-dishub"), KEPT, [(b"after", [])])
        assert {record.value for record in await read_all(second.administrator, KEPT)} == {b"before", b"after"}


def test_nobody_else_reads_the_nodes_passwords(kafka: ProtectedKafka) -> None:
    """The cluster's file and each node's settings are the owner's alone."""
    homes = [node.folders.home for node in kafka.cluster.nodes]
    files = [homes[0].parent / "kafka-cluster.json", *(home / "server.properties" for home in homes)]

    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_node_alone_does_not_say_how_to_reach_it(kafka: ProtectedKafka) -> None:
    """It does not know as whom; and one of the three leads their quorum."""
    with pytest.raises(BrokerError, match="Ask the cluster"):
        kafka.node(1).connection()
    assert active_controller(kafka) in {1, 2, 3}
