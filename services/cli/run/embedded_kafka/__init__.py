"""The Kafka of a run: a given one, or an embedded Apache Kafka as a child process. Clients treat both alike."""

from services.cli.run.embedded_kafka.cache import FetchProgress, Report
from services.cli.run.embedded_kafka.embedded import EmbeddedKafka
from services.cli.run.embedded_kafka.errors import (
    BrokerError,
    BrokerNotReadyError,
    DataInUseError,
    JarMismatchError,
    NoJavaError,
)
from services.cli.run.embedded_kafka.progress import fetch_bar
from services.cli.run.embedded_kafka.resolve import GivenBroker, resolve_broker

__all__ = [
    "BrokerError",
    "BrokerNotReadyError",
    "DataInUseError",
    "EmbeddedKafka",
    "FetchProgress",
    "GivenBroker",
    "JarMismatchError",
    "NoJavaError",
    "Report",
    "fetch_bar",
    "resolve_broker",
]
