"""The rights of every user on every topic, checked with Kafka's authorizer: allowed and denied."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    for_code,
)
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient

from services.cli.deploy.kafka_admin import OPERATIONS, client_options
from shared.domain.taxonomy import default_taxonomy
from shared.messaging import access, topic_specs
from shared.messaging.connection import connection_options
from shared.settings import KafkaSettings
from tests.support.kafka.clusters import ProtectedKafka, protected_kafka

OPDS = tuple(default_taxonomy().opds)
TOPICS = tuple(spec.name for spec in topic_specs.all_topics(OPDS))
ASKED: tuple[access.Operation, ...] = ("read", "write", "describe")
TIMEOUT_S = 30


@pytest.fixture(scope="module")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProtectedKafka]:
    """Three nodes, set up."""
    async with protected_kafka(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@asynccontextmanager
async def _producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(**connection_options(settings), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


async def _write(settings: KafkaSettings, topic: str) -> None:
    async with _producer(settings) as producer:
        await producer.send_and_wait(topic, b"{}", key=b"k")


async def _read(settings: KafkaSettings, topic: str, group: str) -> bytes | None:
    """The first record of a topic, read as a member of a group that commits what it has read."""
    consumer = AIOKafkaConsumer(
        topic,
        **connection_options(settings),
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        value: bytes | None = (await asyncio.wait_for(consumer.getone(), TIMEOUT_S)).value
        await consumer.commit()
        return value
    finally:
        await consumer.stop()


def _allowed(settings: KafkaSettings) -> set[tuple[str, str]]:
    """The operations that Kafka allows this user on our topics, without topics that it cannot see."""
    client = AdminClient(client_options(settings))
    seen = [name for name in client.list_topics(timeout=TIMEOUT_S).topics if name in TOPICS]
    if not seen:
        return set()
    told = client.describe_topics(TopicCollection(seen), include_authorized_operations=True)
    kinds = {operation: name for name, operation in OPERATIONS.items()}
    return {
        (topic, kinds[operation])
        for topic, future in told.items()
        for operation in future.result(TIMEOUT_S).authorized_operations
        if kinds.get(operation) in ASKED
    }


def _granted(user: str) -> set[tuple[str, str]]:
    grants = access.all_grants(OPDS)
    return {
        (topic, operation)
        for topic in TOPICS
        for operation in ASKED
        if any(grant.covers(user, "topic", topic, operation) for grant in grants)
    }


@pytest.mark.parametrize("user", access.principals(OPDS))
def test_a_user_may_do_what_the_table_says_and_nothing_else(kafka: ProtectedKafka, user: str) -> None:
    """All 73 topics times read, write and describe: Kafka's answer equals the table, in both directions."""
    assert _allowed(kafka.as_user(user)) == _granted(user)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("channel-112", "channels.112.v1"),
        ("intake", "reports.emergency.v1"),
        ("intake", "reports.updates.v1"),
        ("intake", "lifecycle.v1"),
        ("router", "opd.dishub.emergency.v1"),
        ("notifier", "opd.liveroom.emergency.v1"),
        ("stats", "stats.dlq.v1"),
        ("opd-dishub", "departments.dishub.v1"),
    ],
)
async def test_who_should_write_can(kafka: ProtectedKafka, user: str, topic: str) -> None:
    """A user with write access can write a record."""
    await _write(kafka.as_user(user), topic)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("channel-laksa", "channels.112.v1"),
        ("channel-laksa", "reports.routine.v1"),
        ("opd-dishub", "departments.bpbd.v1"),
        ("opd-dishub", "opd.dishub.routine.v1"),
        ("opd-dishub", "lifecycle.v1"),
        ("notifier", "opd.dishub.routine.v1"),
        ("router", "reports.emergency.v1"),
        ("stats", "lifecycle.v1"),
        ("lag-exporter", "stats.dlq.v1"),
    ],
)
async def test_who_should_not_write_is_refused(kafka: ProtectedKafka, user: str, topic: str) -> None:
    """A user cannot write to the topics of others, and a department cannot write to its own report topics."""
    # a user without any write access does not even get a producer id
    with pytest.raises((TopicAuthorizationFailedError, ClusterAuthorizationFailedError)):
        await _write(kafka.as_user(user), topic)


@pytest.mark.parametrize(
    ("user", "topic", "group"),
    [
        ("intake", "channels.112.v1", "intake-112"),
        ("router", "reports.emergency.v1", "router-emergency"),
        ("notifier", "opd.bpbd.emergency.v1", "notifier-emergency"),
        ("stats", "lifecycle.v1", "stats"),
        ("opd-dishub", "opd.dishub.emergency.v1", "dishub-call-centre"),
    ],
)
async def test_who_should_read_can(kafka: ProtectedKafka, user: str, topic: str, group: str) -> None:
    """A user with read access can read and commit in its own group."""
    await _write(kafka.administrator, topic)
    assert await _read(kafka.as_user(user), topic, group) == b"{}"


@pytest.mark.parametrize(
    ("user", "topic", "group"),
    [
        ("opd-dishub", "opd.bpbd.emergency.v1", "dishub-call-centre"),
        ("opd-dishub", "reports.routine.v1", "dishub-call-centre"),
        ("opd-dishub", "departments.dishub.v1", "dishub-call-centre"),
        ("channel-112", "channels.112.v1", "intake-112"),
        ("stats", "reports.emergency.v1", "stats"),
        ("lag-exporter", "lifecycle.v1", "lag-exporter"),
    ],
)
async def test_who_should_not_read_is_refused(kafka: ProtectedKafka, user: str, topic: str, group: str) -> None:
    """A department reads only its own topics, stats no reports, and the lag exporter no records."""
    await _write(kafka.administrator, topic)
    with pytest.raises((TopicAuthorizationFailedError, GroupAuthorizationFailedError)):
        await _read(kafka.as_user(user), topic, group)


@pytest.mark.parametrize("group", ["bpbd-call-centre", "stats", "router-emergency"])
async def test_nobody_takes_part_in_anothers_group(kafka: ProtectedKafka, group: str) -> None:
    """A user cannot join another's group, where it could commit past unread records."""
    with pytest.raises(GroupAuthorizationFailedError):
        await _read(kafka.as_user("opd-dishub"), "opd.dishub.emergency.v1", group)


@pytest.mark.parametrize("user", ["intake", "opd-dishub", "lag-exporter"])
async def test_nobody_but_the_administrator_makes_a_topic(kafka: ProtectedKafka, user: str) -> None:
    """Only the administrator can create a topic, explicitly or by writing to an unknown one."""
    admin = AIOKafkaAdminClient(**connection_options(kafka.as_user(user)))
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic("made.by.nobody", 1, 3)])
        refused: Iterable[int] = [code for _, code, *_ in answer.topic_errors]
        assert [for_code(code) for code in refused] == [TopicAuthorizationFailedError]
    finally:
        await admin.close()


@pytest.mark.parametrize(("user", "password"), [("opd-dishub", "wrong-password-of-dishub"), ("nobody", "x" * 20)])
async def test_who_cannot_prove_who_they_are_does_not_come_in(kafka: ProtectedKafka, user: str, password: str) -> None:
    """A wrong password and an unknown name get the same answer."""
    settings = kafka.cluster.connection(user, password)
    producer = AIOKafkaProducer(**connection_options(settings))
    try:
        with pytest.raises(KafkaError, match=r"Authentication|bootstrap"):
            await producer.start()
    finally:
        await producer.stop()


async def test_without_a_name_nobody_comes_in(kafka: ProtectedKafka) -> None:
    """A connection without a user is refused."""
    for member in kafka.cluster.cluster.members:
        for port in (member.port, member.nodes_port, member.controller_port):
            producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_ms=2_000)
            try:
                with pytest.raises(KafkaConnectionError):
                    await producer.start()
            finally:
                await producer.stop()
