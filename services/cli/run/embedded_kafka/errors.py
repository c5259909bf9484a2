"""Errors of the embedded broker; every message says what to do."""

from shared.errors import LaksaError


class BrokerError(LaksaError):
    """The embedded broker cannot be fetched, started or reached."""


class JarMismatchError(BrokerError):
    """A fetched jar has another checksum than the lock file says."""


class NoJavaError(BrokerError):
    """Neither the machine nor the Python packages have a Java that runs Kafka."""


class DataInUseError(BrokerError):
    """Another process runs a broker on the same data."""


class BrokerNotReadyError(BrokerError):
    """Kafka ended, or does not answer in time."""
