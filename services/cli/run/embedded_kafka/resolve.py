"""Which broker is used: the given one, else an embedded one."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.cli.run.embedded_kafka.embedded import EmbeddedKafka
from shared.settings import KafkaSettings

GIVEN = "LAKSA_KAFKA_BOOTSTRAP_SERVERS"
DEFAULT_PORT = 9092


@dataclass(frozen=True, slots=True)
class GivenBroker:
    """A broker that runs elsewhere; there is nothing to start or stop."""

    settings: KafkaSettings

    def connection(self) -> KafkaSettings:
        """How clients reach it."""
        return self.settings

    def describe(self) -> str:
        """One line for a person: the broker's address and protocol."""
        return f"given Kafka at {self.settings.bootstrap_servers} ({self.settings.security_protocol})"


def resolve_broker(var: Path, *, port: int | None = DEFAULT_PORT) -> GivenBroker | EmbeddedKafka:
    """The broker at ``LAKSA_KAFKA_BOOTSTRAP_SERVERS`` if set, else an embedded one below ``var``. Starts nothing.

    Both have ``connection()`` and ``describe()``; only the embedded one has a process.
    """
    if os.environ.get(GIVEN):
        return GivenBroker(KafkaSettings())
    return EmbeddedKafka(var, port=port)
