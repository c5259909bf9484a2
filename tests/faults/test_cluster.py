"""A cluster of child processes: its data survive a restart, and its settings are private."""

import stat
from pathlib import Path

import pytest

from services.cli.run.embedded_kafka import BrokerError
from services.cli.run.embedded_kafka.cluster import EmbeddedCluster
from tests.support.kafka.client import read_all, write_raw
from tests.support.kafka.clusters import ProtectedKafka, protected_kafka

KEPT = "departments.dishub.v1"


async def test_started_again_on_its_folder_it_is_the_same_cluster(tmp_path: Path) -> None:
    """After a restart with other ports, records, users and ACLs are unchanged."""
    async with protected_kafka(tmp_path) as first:
        await write_raw(first.as_user("opd-dishub"), KEPT, [(b"before", [])])

    async with EmbeddedCluster(tmp_path / "var") as again:
        second = ProtectedKafka(again, first.passwords)
        assert again.cluster.id == first.cluster.cluster.id
        assert {record.value for record in await read_all(second.administrator, KEPT)} == {b"before"}
        await write_raw(second.as_user("opd-dishub"), KEPT, [(b"after", [])])
        assert {record.value for record in await read_all(second.administrator, KEPT)} == {b"before", b"after"}


async def test_nobody_else_reads_the_nodes_passwords_and_a_node_alone_does_not_tell_them(tmp_path: Path) -> None:
    """Only the owner can read the files with passwords, and a node alone gives no connection settings."""
    cluster = EmbeddedCluster(tmp_path / "var", size=1)
    cluster.prepare()
    try:
        files = [tmp_path / "var" / "kafka-cluster.json", cluster.nodes[0].folders.home / "server.properties"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        with pytest.raises(BrokerError, match=r"use EmbeddedCluster\.connection"):
            cluster.nodes[0].connection()
    finally:
        await cluster.stop()
