"""The choice of the broker, and its connection settings for clients."""

import threading
from pathlib import Path

import pytest

from services.cli.run.embedded_kafka import BrokerError, EmbeddedKafka, GivenBroker, resolve_broker


def test_a_broker_that_is_given_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A given broker is used with all its connection settings, and no files are created."""
    monkeypatch.setenv("LAKSA_KAFKA_BOOTSTRAP_SERVERS", "kafka-1:9093,kafka-2:9093")
    monkeypatch.setenv("LAKSA_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("LAKSA_KAFKA_SASL_PASSWORD", "a made up secret")

    broker = resolve_broker(tmp_path / "var")

    assert isinstance(broker, GivenBroker)
    assert broker.connection().bootstrap_servers == "kafka-1:9093,kafka-2:9093"
    assert broker.describe() == "given Kafka at kafka-1:9093,kafka-2:9093 (SASL_SSL)"
    assert "a made up secret" not in repr(broker)
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("value", [None, ""])
def test_else_it_is_one_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """Without an address, or with an empty one, the broker is embedded; the choice creates no files."""
    monkeypatch.delenv("LAKSA_KAFKA_BOOTSTRAP_SERVERS", raising=False)
    if value is not None:
        monkeypatch.setenv("LAKSA_KAFKA_BOOTSTRAP_SERVERS", value)

    broker = resolve_broker(tmp_path / "var")

    assert isinstance(broker, EmbeddedKafka)
    assert broker.pid is None
    assert not (tmp_path / "var").exists()


def test_what_needs_preparation_says_so(tmp_path: Path) -> None:
    """Using port or command before `prepare` raises an error that names the missing call."""
    broker = EmbeddedKafka(tmp_path / "var")

    for ask in (broker.connection, broker.describe, broker.command, broker.environment, broker.start):
        with pytest.raises(BrokerError, match=r"Call prepare\(\) first"):
            ask()


async def test_stopping_what_never_started_does_nothing(tmp_path: Path) -> None:
    """Stopping a broker that never started does nothing."""
    await EmbeddedKafka(tmp_path / "var").stop()


def test_it_is_not_started_from_a_thread_that_would_take_it_along(tmp_path: Path) -> None:
    """Only the main thread may start the broker, because Linux ends a bound child with its parent thread."""
    refused: list[BrokerError] = []

    def start() -> None:
        try:
            EmbeddedKafka(tmp_path / "var").start()
        except BrokerError as error:
            refused.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert "Start Kafka from the main thread" in str(refused[0])
