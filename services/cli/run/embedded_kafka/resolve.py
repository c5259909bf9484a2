"""Which broker it is: the given one, else one of our own."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.cli.run.embedded_kafka.embedded import EmbeddedKafka
from shared.settings import KafkaSettings

GIVEN = "LAKSA_KAFKA_BOOTSTRAP_SERVERS"
DEFAULT_PORT = 9092


@dataclass(frozen=True, slots=True)
class GivenBroker:
    """A broker that somebody else runs; there is nothing to start or stop."""

    settings: KafkaSettings

    def connection(self) -> KafkaSettings:
        """What clients need to reach it."""
        return self.settings

    def describe(self) -> str:
        """One line for a person: which broker this is."""
        return f"given Kafka at {self.settings.bootstrap_servers} ({self.settings.security_protocol})"


def resolve_broker(var: Path, *, port: int | None = DEFAULT_PORT) -> GivenBroker | EmbeddedKafka:
    """Choose the broker, and touch neither: ``LAKSA_KAFKA_BOOTSTRAP_SERVERS``, else the embedded one below ``var``.

    Both have ``connection()`` and ``describe()``; only the embedded one has a process.
    """
    if os.environ.get(GIVEN):
        return GivenBroker(KafkaSettings())
    return EmbeddedKafka(var, port=port)
