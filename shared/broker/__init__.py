"""The broker: one that was given, or Apache Kafka itself as a child process. It never matters to a client which."""

from shared.broker.cache import FetchProgress, Report
from shared.broker.embedded import EmbeddedKafka
from shared.broker.errors import (
    BrokerError,
    BrokerNotReadyError,
    DataInUseError,
    JarMismatchError,
    NoJavaError,
)
from shared.broker.progress import fetch_bar
from shared.broker.resolve import GivenBroker, resolve_broker

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
