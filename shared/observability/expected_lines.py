"""Lines that aiokafka logs as errors or warnings on a healthy start. They are logged at INFO, with the reason.

Only the lines listed here, and only while they are expected; all others keep their level. Lines are matched by their
message template.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

START_SECONDS = 60.0  # a service may start together with its Kafka; later the same line is a fault


@dataclass(frozen=True, slots=True)
class Expected:
    """Why a line is not a fault; ``at_start``: only while the process starts."""

    reason: str
    at_start: bool


EXPECTED: Mapping[tuple[str, str], Expected] = {
    ("aiokafka.consumer.group_coordinator", "Group Coordinator Request failed: %s"): Expected(
        "Kafka is still starting its group coordinator; aiokafka asks again", at_start=True
    ),
    ("aiokafka.consumer.group_coordinator", "Heartbeat failed for group %s because it is rebalancing"): Expected(
        "Another member joined or left the group; this one joins again", at_start=False
    ),
    ("aiokafka.cluster", "Topic %s is not available during auto-create initialization"): Expected(
        "The topic was just created and has no leader yet; aiokafka asks again", at_start=True
    ),
}


class LowerExpectedLines(logging.Filter):
    """Lowers the level of expected lines to INFO and adds their ``reason``. For a handler, not for a logger."""

    def __init__(self, least: int, *, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._least = least
        self._now = now
        self._start_ends_at = now() + START_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log the line; False only for an expected one where INFO is not logged."""
        expected = EXPECTED.get((record.name, str(record.msg)))
        if expected is None or not self._holds(expected, record):
            return True
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.reason = expected.reason
        return self._least <= logging.INFO

    def _holds(self, expected: Expected, record: logging.LogRecord) -> bool:
        if expected.at_start and self._now() > self._start_ends_at:
            return False
        errors = [value for value in record.args or () if isinstance(value, Exception)]
        return all(getattr(error, "retriable", False) for error in errors)
