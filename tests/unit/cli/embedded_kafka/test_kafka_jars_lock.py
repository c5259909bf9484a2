"""The lock of Kafka's jars: the shipped file, and the files that are refused."""

import re

import pytest

from services.cli.run.embedded_kafka.errors import BrokerError
from services.cli.run.embedded_kafka.jars import LOCK_FILE, format_lock, parse_lock, read_lock

GOOD = f"org.example:tool:1.0 sha256:{'0' * 64} 12"


def test_the_shipped_lock_pins_each_jar_by_sha256_and_size() -> None:
    """Every jar has a coordinate, a SHA-256, and a plausible size."""
    jars = read_lock()

    assert len(jars) > 30
    for jar in jars:
        assert re.fullmatch(r"[0-9a-f]{64}", jar.sha256), jar.coordinate
        assert 1_000 < jar.size < 50_000_000, jar.coordinate
    assert len({jar.sha256 for jar in jars}) == len(jars)


def test_the_shipped_lock_is_kafka_with_what_lets_it_log() -> None:
    """The lock has the Kafka server in the README's version, and the log4j bridge that it needs for logging."""
    versions = {jar.artifact: jar.version for jar in read_lock()}

    assert versions["kafka_2.13"] == "4.4.0"
    assert versions["kafka-clients"] == versions["kafka_2.13"]
    assert versions["log4j-slf4j-impl"] == versions["log4j-core"]


def test_the_shipped_lock_names_no_address() -> None:
    """The lock has no addresses, because the machine chooses the repository."""
    text = LOCK_FILE.read_text(encoding="utf-8")

    assert "://" not in text
    assert "www." not in text


def test_the_shipped_lock_is_as_its_tool_writes_it() -> None:
    """The lock equals the output of its tool, so that the next lock differs only by real changes."""
    assert format_lock(read_lock()) == LOCK_FILE.read_text(encoding="utf-8")


def test_what_is_written_is_read_again() -> None:
    """A written lock is read back; comments and empty lines are ignored."""
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
    """A damaged line is an error with its number and the remedy."""
    with pytest.raises(BrokerError, match=r"Line 2 .* make jars-lock"):
        parse_lock(f"{GOOD}\n{line}\n")


@pytest.mark.parametrize(
    ("text", "problem"), [("", "names no jar"), (f"{GOOD}\n{GOOD.replace('1.0', '1.1')}\n", "names one twice")]
)
def test_an_empty_or_ambiguous_lock_is_refused(text: str, problem: str) -> None:
    """A lock without jars or with two versions of a jar is refused."""
    with pytest.raises(BrokerError, match=problem):
        parse_lock(text)
