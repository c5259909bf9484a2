"""What goes wrong with a broker of our own; every message says what the person can do."""

from shared.errors import LaksaError


class BrokerError(LaksaError):
    """The embedded broker cannot be fetched, started or reached."""


class JarMismatchError(BrokerError):
    """A fetched jar is not the one that was locked."""


class NoJavaError(BrokerError):
    """Neither the machine nor the Python packages offer a Java that runs Kafka."""


class DataInUseError(BrokerError):
    """Another process runs a broker on the same data."""


class BrokerNotReadyError(BrokerError):
    """Kafka ended, or does not answer in time."""
