"""The changes that `laksa topics` plans, and those that it refuses."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from services.cli.deploy.topics_command import read_users
from services.cli.deploy.topics_plan import plan_access, plan_topics
from shared.errors import ConfigurationError
from shared.messaging.access import Grant
from shared.messaging.topic_admin import FoundTopic, TopicSpec

SPEC = TopicSpec("lifecycle.v1", partitions=12, retention=timedelta(days=7), replication=3, min_insync=2)
READ = Grant("stats", "topic", "literal", "lifecycle.v1", "read")


def _found(
    config: Mapping[str, str] = MappingProxyType({}), *, partitions: int = 12, replication: int = 3
) -> dict[str, FoundTopic]:
    changed = {name.replace("_", "."): value for name, value in config.items()}
    return {SPEC.name: FoundTopic(SPEC.name, partitions, replication, SPEC.config() | changed)}


def test_what_is_as_it_should_be_is_left() -> None:
    """Topics that match the specification have no differences and need no changes."""
    assert plan_topics([SPEC], _found()).differences() == []


def test_a_missing_topic_is_made() -> None:
    """A missing topic is created with all of its settings."""
    plan = plan_topics([SPEC], {})

    assert plan.create == [SPEC]
    assert plan.differences() == ["topic lifecycle.v1 is missing"]


def test_a_narrow_topic_is_widened_and_a_wide_one_is_not_narrowed() -> None:
    """A topic gets missing partitions, but excess ones are kept, because Kafka cannot remove partitions."""
    assert plan_topics([SPEC], _found(partitions=3)).grow == {"lifecycle.v1": 12}

    wide = plan_topics([SPEC], _found(partitions=24))
    assert wide.grow == {}
    assert wide.refused == [
        "topic lifecycle.v1 has 24 partitions and 12 are asked for: Kafka takes none away. Ask for 24"
    ]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"retention_ms": "-1"}, "has retention.ms=-1 and 604800000 is asked for"),
        ({"retention_ms": "604800001"}, "has retention.ms=604800001 and 604800000 is asked for"),
        ({"min_insync_replicas": "3"}, "has min.insync.replicas=3 and 2 is asked for"),
    ],
)
def test_what_would_forget_or_endanger_records_is_refused(config: dict[str, str], why: str) -> None:
    """Changes that would delete or endanger records are refused with a reason; only a person may make them."""
    plan = plan_topics([SPEC], _found(config))

    assert plan.configure == {}
    assert [sentence for sentence in plan.refused if why in sentence]


@pytest.mark.parametrize(
    ("config", "changed"),
    [
        ({"retention_ms": "1000"}, {"retention.ms": "604800000"}),
        ({"min_insync_replicas": "1"}, {"min.insync.replicas": "2"}),
        ({"compression_type": "lz4"}, {"compression.type": "producer"}),
    ],
)
def test_what_keeps_more_is_set(config: dict[str, str], changed: dict[str, str]) -> None:
    """Longer retention, more in-sync copies and the specified compression are applied."""
    assert plan_topics([SPEC], _found(config)).configure == {"lifecycle.v1": changed}


@pytest.mark.parametrize(("copies", "why"), [(1, "kafka-reassign-partitions.sh"), (5, "REPLICATION_FACTOR higher")])
def test_copies_are_told_and_not_changed(copies: int, why: str) -> None:
    """A different number of copies is reported and not changed, because moving copies needs a person's plan."""
    (sentence,) = plan_topics([SPEC], _found(replication=copies)).refused

    assert f"has {copies} copies and 3 are asked for" in sentence
    assert why in sentence


def test_missing_rules_are_made_and_unknown_ones_are_told() -> None:
    """Missing ACLs are created and unknown ones of the project's users reported; those of others are ignored."""
    unknown = Grant("stats", "topic", "prefixed", "reports.", "read")
    somebody = Grant("backup", "topic", "literal", "*", "read")
    plan = plan_access([READ], [unknown, somebody])

    assert plan.grant == [READ]
    assert plan.unknown == [unknown]
    assert plan.differences() == [
        "stats: read on topic lifecycle.v1 is not granted",
        "stats: read on topic reports.* is granted and nobody knows why: take it away with kafka-acls.sh --remove",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("users: [", "line 1, column 9: not valid YAML"),
        ("nothing: 1", "nothing: unknown key"),
        ("users: {}", "users: Dictionary should have at least 1 item"),
        ("users: {nobody: a-password-that-is-long}", "nobody.*nothing is granted to this user"),
        ("users: {stats: a-password-that-is-long, stats: b}", "line 1: duplicate key `stats`"),
        ("users: {stats: short}", "users.stats: String should have at least 16 characters"),
        ("users: {stats: 1234567890123456}", "users.stats: Input should be a valid string"),
    ],
)
def test_an_invalid_users_file_is_refused_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    """An invalid users file is refused with the reason, and no password is quoted."""
    file = tmp_path / "users.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=why) as refused:
        read_users(file)
    assert "a-password" not in str(refused.value)


def test_a_users_file_is_read(tmp_path: Path) -> None:
    """A users file gives names and passwords, including the administrator's."""
    file = tmp_path / "users.yaml"
    file.write_text("users: {admin: password-of-the-admin, opd-dishub: password-of-dishub}")

    assert read_users(file) == {"admin": "password-of-the-admin", "opd-dishub": "password-of-dishub"}
