"""``laksa topics`` on a real cluster creates and widens topics, never shrinks them, and reports differences."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from rich.console import Console

from services.cli.deploy.kafka_admin import KafkaAdmin
from services.cli.deploy.topics_command import apply, check
from shared.events import topics
from shared.messaging.access import Grant
from shared.messaging.connection import connection_options
from shared.messaging.topic_admin import FoundTopic, find_topics
from shared.settings import KafkaSettings
from tests.support.kafka.clusters import ProtectedKafka, protected_kafka
from tests.support.processes.environment import variables_of
from tests.support.processes.stack import LAKSA, run_command

SECONDS = 60.0


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProtectedKafka]:
    """A separate cluster, because the test changes it."""
    async with protected_kafka(tmp_path_factory.mktemp("topics")) as started:
        yield started


def _console() -> Console:
    return Console(file=io.StringIO(), width=300)


def _said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def _topic(kafka: KafkaSettings, name: str) -> FoundTopic:
    client = AIOKafkaAdminClient(**connection_options(kafka))
    await client.start()
    try:
        return (await find_topics(client, [name]))[name]
    finally:
        await client.close()


async def test_what_was_applied_passes_the_check_and_applying_again_changes_nothing(own: ProtectedKafka) -> None:
    """Topics have three replicas and min.insync.replicas=2; a second run changes nothing."""
    console = _console()
    assert await check(own.administrator, console) == 0, _said(console)
    assert await apply(own.administrator, console) == 0
    assert "topics: 0 created, 0 widened, 0 changed; rules of access: 0 made" in _said(console)
    topic = await _topic(own.administrator, topics.LIFECYCLE)
    assert (topic.partitions, topic.replication) == (12, 3)
    assert topic.config["min.insync.replicas"] == "2"
    assert topic.config["retention.ms"] == "-1"
    assert topic.config["unclean.leader.election.enable"] == "false"


async def test_the_command_line_ends_with_1_and_says_what_is_missing(own: ProtectedKafka, tmp_path: Path) -> None:
    """Status 1 with a reason: a department may not read settings, a setting is missing, or a user is unknown."""
    environment = _environment(own.as_user("opd-dishub"))
    status, said = await run_command([*LAKSA, "topics", "check"], environment, SECONDS)
    assert (status, "Kafka does not let this user do that" in said or "does not let us look" in said) == (1, True), said

    status, said = await run_command([*LAKSA, "topics", "apply"], {"PATH": environment["PATH"]}, SECONDS)
    assert (status, "LAKSA_KAFKA_BOOTSTRAP_SERVERS" in said) == (1, True), said

    users = tmp_path / "users.yaml"
    users.write_text("users: {opd-nobody: a-password-that-is-long}")
    status, said = await run_command(
        [*LAKSA, "topics", "apply", "--users", str(users)], _environment(own.administrator), SECONDS
    )
    assert status == 1, said
    assert "users.opd-nobody" in said, said
    assert "nothing is granted to this user" in said, said
    assert "a-password-that-is-long" not in said, said


async def test_the_command_line_checks_as_the_administrator(own: ProtectedKafka) -> None:
    """The administrator's settings in the environment let the command check the cluster."""
    status, said = await run_command([*LAKSA, "topics", "check"], _environment(own.administrator), SECONDS)
    assert (status, "73 topics and all rules of access are as they should be" in said) == (0, True), said


async def test_a_rule_that_nobody_knows_is_told_and_left(own: ProtectedKafka) -> None:
    """An ACL that is not in the table is reported and not deleted."""
    admin = KafkaAdmin(own.administrator)
    extra = Grant("opd-dishub", "topic", "literal", topics.LIFECYCLE, "read")
    strangers = Grant("backup-tool", "topic", "literal", "*", "read")
    admin.grant([extra, strangers])
    console = _console()
    assert await apply(own.administrator, console) == 1
    assert "opd-dishub: read on topic lifecycle.v1 is granted and nobody knows why" in _said(console)
    assert "backup-tool" not in _said(console)
    assert extra in admin.grants()


async def test_topics_are_widened_and_never_narrowed(own: ProtectedKafka) -> None:
    """Topics are widened to 24 partitions; narrowing to 12 is refused for each topic."""
    wider = _console()
    await apply(own.administrator, wider, wide=24)
    assert "4 widened" in _said(wider)
    assert (await _topic(own.administrator, topics.UPDATES)).partitions == 24

    narrower = _console()
    assert await apply(own.administrator, narrower, wide=12) == 1
    assert "topic lifecycle.v1 has 24 partitions and 12 are asked for: Kafka takes none away. Ask for 24" in _said(
        narrower
    )
    assert (await _topic(own.administrator, topics.UPDATES)).partitions == 24


async def test_a_retention_that_would_forget_records_is_refused_and_a_longer_one_is_set(own: ProtectedKafka) -> None:
    """A shorter retention is refused, because Kafka deletes older records at once; a longer one is set."""
    admin = KafkaAdmin(own.administrator)
    longer, shorter = "opd.dlh.routine.v1", "opd.dlh.emergency.v1"
    admin.configure_topics({longer: {"retention.ms": "-1"}, shorter: {"retention.ms": "60000"}})
    console = _console()
    assert await apply(own.administrator, console, wide=24) == 1
    assert f"topic {longer} has retention.ms=-1 and 604800000 is asked for" in _said(console)
    assert "1 changed" in _said(console)
    assert (await _topic(own.administrator, longer)).config["retention.ms"] == "-1"
    assert (await _topic(own.administrator, shorter)).config["retention.ms"] == "604800000"


async def test_fewer_copies_than_there_are_cannot_be_asked_for(own: ProtectedKafka) -> None:
    """A lower replication factor is refused, so that missing settings do not reduce safety."""
    console = _console()
    careless = own.administrator.model_copy(update={"replication_factor": 1, "min_insync_replicas": 1})
    assert await apply(careless, console, wide=24) == 1
    assert "has 3 copies and 1 are asked for: fewer would be less safe" in _said(console)
    assert "has min.insync.replicas=2 and 1 is asked for" in _said(console)
    assert (await _topic(own.administrator, topics.LIFECYCLE)).config["min.insync.replicas"] == "2"


async def test_a_password_is_changed_by_applying_a_new_one(own: ProtectedKafka, tmp_path: Path) -> None:
    """After applying the file, the new password is accepted and the old one is refused."""
    users = tmp_path / "users.yaml"
    users.write_text("users: {stats: the-new-password-of-stats}")
    await apply(own.administrator, _console(), users_file=users, wide=24)

    await check_connects(own.cluster.connection("stats", "the-new-password-of-stats"))
    with pytest.raises(KafkaError):
        await check_connects(own.as_user("stats"))


async def check_connects(kafka: KafkaSettings) -> None:
    """Connect; raise if the user is refused."""
    client = AIOKafkaAdminClient(**connection_options(kafka))
    try:
        await client.start()
    finally:
        await client.close()


def _environment(kafka: KafkaSettings) -> dict[str, str]:
    """Return an environment with these settings only, and a wide terminal so that lines are not wrapped."""
    return {"PATH": "/usr/bin:/bin", "COLUMNS": "300", **variables_of(kafka)}
