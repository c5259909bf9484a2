"""The checks of the Kafka settings at the start of a service, fault by fault."""

import pytest
from aiokafka import AIOKafkaProducer

from shared.messaging.cluster_check import node_faults, producer_faults, topic_faults
from shared.messaging.producer import make_client
from shared.messaging.topic_admin import FoundTopic
from shared.settings import KafkaSettings

SAFE = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}


def _settings(copies: int = 3, needed: int = 2) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers="127.0.0.1:1", replication_factor=copies, min_insync_replicas=needed)


def _topic(name: str = "lifecycle.v1", copies: int = 3, **config: str) -> FoundTopic:
    changed = {setting.replace("_", "."): value for setting, value in config.items()}
    return FoundTopic(name, 12, copies, SAFE | changed)


async def _faults_of(client: AIOKafkaProducer) -> list[str]:
    faults = list(producer_faults(client))
    await client.stop()
    return faults


async def test_our_own_producer_is_safe() -> None:
    """The services' producer uses acks=all and is idempotent."""
    assert await _faults_of(make_client(_settings())) == []


@pytest.mark.parametrize("acks", [0, 1])
async def test_a_producer_that_does_not_wait_for_all_is_told(acks: int) -> None:
    """acks=0 and acks=1 are reported, because they can lose records."""
    faults = await _faults_of(AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", acks=acks))

    assert [fault for fault in faults if "set acks='all'" in fault]
    assert [fault for fault in faults if "enable_idempotence=True" in fault]


def test_topics_as_the_environment_asks_are_safe() -> None:
    """Topics with at least the configured replication factor have no finding."""
    assert topic_faults([_topic()], _settings()) == []
    assert topic_faults([_topic(copies=5)], _settings()) == []
    assert topic_faults([_topic(copies=1, min_insync_replicas="1")], _settings(1, 1)) == []


def test_too_few_copies_name_the_topic_and_the_setting() -> None:
    """Too few replicas are reported once, with a topic and the setting, not for each of 73 topics."""
    (fault,) = topic_faults([_topic(), _topic("reports.routine.v1", copies=1), _topic("x", copies=2)], _settings())

    assert fault.startswith("topic reports.routine.v1 has 1 copies and LAKSA_KAFKA_REPLICATION_FACTOR asks for 3")
    assert "kafka-reassign-partitions.sh" in fault


def test_a_record_that_one_copy_makes_count_is_told() -> None:
    """min.insync.replicas=1 is reported, because then acks=all needs only one replica."""
    (fault,) = topic_faults([_topic(min_insync_replicas="1")], _settings())

    assert "min.insync.replicas=1 and LAKSA_KAFKA_MIN_INSYNC_REPLICAS asks for 2: run `laksa topics apply`" in fault


def test_an_unclean_leader_is_told() -> None:
    """Unclean leader election is reported, because it can lose acknowledged records."""
    (fault,) = topic_faults([_topic(unclean_leader_election_enable="true")], _settings())

    assert "may forget acknowledged records: set unclean.leader.election.enable=false" in fault


@pytest.mark.parametrize("told", [{"auto.create.topics.enable": "true"}, {}])
def test_topics_that_make_themselves_are_told(told: dict[str, str]) -> None:
    """Automatic topic creation is reported if any node has it or does not report its setting."""
    (fault,) = node_faults({"1": {"auto.create.topics.enable": "false"}, "2": told})

    assert "set auto.create.topics.enable=false" in fault


def test_nodes_that_make_no_topic_by_themselves_are_safe() -> None:
    """Nodes without automatic topic creation have no finding."""
    assert list(node_faults({"1": {"auto.create.topics.enable": "false"}})) == []


@pytest.mark.parametrize(("copies", "needed", "why"), [(1, 2, "would ever count"), (3, 1, "be lost with it. Set 2")])
def test_settings_that_contradict_themselves_are_refused(copies: int, needed: int, why: str) -> None:
    """Contradictory settings are refused before the service connects."""
    with pytest.raises(ValueError, match=why):
        _settings(copies, needed)
