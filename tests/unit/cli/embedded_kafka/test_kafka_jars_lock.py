"""The lock of Kafka's jars: what the project ships, and what is refused in its place."""

import re

import pytest

from services.cli.run.embedded_kafka.errors import BrokerError
from services.cli.run.embedded_kafka.jars import LOCK_FILE, format_lock, parse_lock, read_lock

GOOD = f"org.example:tool:1.0 sha256:{'0' * 64} 12"


def test_the_shipped_lock_pins_each_jar_by_sha256_and_size() -> None:
    """Every jar has a coordinate, a hash that looks like one, and a plausible size."""
    jars = read_lock()

    assert len(jars) > 30
    for jar in jars:
        assert re.fullmatch(r"[0-9a-f]{64}", jar.sha256), jar.coordinate
        assert 1_000 < jar.size < 50_000_000, jar.coordinate
    assert len({jar.sha256 for jar in jars}) == len(jars)


def test_the_shipped_lock_is_kafka_with_what_lets_it_log() -> None:
    """The server itself in the version that the README names, and log4j's bridge, without which it is silent."""
    versions = {jar.artifact: jar.version for jar in read_lock()}

    assert versions["kafka_2.13"] == "4.4.0"
    assert versions["kafka-clients"] == versions["kafka_2.13"]
    assert versions["log4j-slf4j-impl"] == versions["log4j-core"]


def test_the_shipped_lock_names_no_address() -> None:
    """Where jars come from is the machine's choice; the lock says only which they are."""
    text = LOCK_FILE.read_text(encoding="utf-8")

    assert "://" not in text
    assert "www." not in text


def test_the_shipped_lock_is_as_its_tool_writes_it() -> None:
    """Nobody edited it by hand, so the next one differs only in what changed."""
    assert format_lock(read_lock()) == LOCK_FILE.read_text(encoding="utf-8")


def test_what_is_written_is_read_again() -> None:
    """Comments and empty lines carry nothing."""
    jars = parse_lock(f"# a comment\n\n{GOOD}\n")

    assert parse_lock(format_lock(jars)) == jars
    assert jars[0].coordinate == "org.example:tool:1.0"


@pytest.mark.parametrize(
    "line",
    [
        "org.example:tool sha256:" + "0" * 64 + " 12",
        "org.example:tool:1.0 sha256:" + "0" * 63 + " 12",
        "org.example:tool:1.0 md5:" + "0" * 32 + " 12",
        "org.example:tool:1.0 sha256:" + "0" * 64,
        "org.example:../../tool:1.0 sha256:" + "0" * 64 + " 12",
        "<<<<<<< HEAD",
    ],
)
def test_a_damaged_line_is_named(line: str) -> None:
    """Half a lock would start half a Kafka: the line's number and the way out are said instead."""
    with pytest.raises(BrokerError, match=r"Line 2 .* make jars-lock"):
        parse_lock(f"{GOOD}\n{line}\n")


@pytest.mark.parametrize(
    ("text", "problem"), [("", "names no jar"), (f"{GOOD}\n{GOOD.replace('1.0', '1.1')}\n", "names one twice")]
)
def test_an_empty_or_ambiguous_lock_is_refused(text: str, problem: str) -> None:
    """No jar, or two versions of one, is no Kafka that anybody tested."""
    with pytest.raises(BrokerError, match=problem):
        parse_lock(text)
