"""Expected error lines of aiokafka are lowered to INFO with a reason; all others are unchanged."""

import importlib
import inspect
import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError

from shared.observability.expected_lines import EXPECTED, START_SECONDS, LowerExpectedLines

COORDINATOR = "aiokafka.consumer.group_coordinator"
NO_COORDINATOR = "Group Coordinator Request failed: %s"
REBALANCING = "Heartbeat failed for group %s because it is rebalancing"

PROGRAM = f"""
import logging
from aiokafka.errors import GroupCoordinatorNotAvailableError
from shared.observability.logs import configure_logs

configure_logs("demo", "INFO")
log = logging.getLogger({COORDINATOR!r})
log.error({NO_COORDINATOR!r}, GroupCoordinatorNotAvailableError())
log.error("Heartbeat session expired - marking coordinator dead")
"""


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time that the test set."""
        return self.now


def _record(name: str, template: str, *args: Any, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, template, args, None)


def test_a_coordinator_that_is_not_there_yet_is_no_error() -> None:
    """A missing group coordinator is INFO during the start, while Kafka may still create it."""
    record = _record(COORDINATOR, NO_COORDINATOR, GroupCoordinatorNotAvailableError())
    assert LowerExpectedLines(logging.INFO).filter(record)
    assert (record.levelname, record.levelno) == ("INFO", logging.INFO)
    assert "still starting" in record.reason  # type: ignore[attr-defined]  # what the filter adds


def test_later_it_is_one() -> None:
    """A coordinator that is missing after the start is an error; a rebalance is never an error."""
    clock = Clock()
    lower = LowerExpectedLines(logging.INFO, now=clock)
    clock.now = START_SECONDS + 1
    missing = _record(COORDINATOR, NO_COORDINATOR, GroupCoordinatorNotAvailableError())
    rebalancing = _record(COORDINATOR, REBALANCING, "stats", level=logging.WARNING)
    assert lower.filter(missing)
    assert lower.filter(rebalancing)
    assert (missing.levelname, rebalancing.levelname) == ("ERROR", "INFO")


def test_what_no_retry_cures_stays_an_error() -> None:
    """A missing right to join a group is always an error."""
    record = _record(COORDINATOR, NO_COORDINATOR, GroupAuthorizationFailedError())
    assert LowerExpectedLines(logging.INFO).filter(record)
    assert record.levelname == "ERROR"


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("aiokafka", NO_COORDINATOR),
        (COORDINATOR, "Heartbeat session expired - marking coordinator dead"),
        (COORDINATOR, "OffsetCommit failed for group %s - %s"),
        ("aiokafka.cluster", "Topic %s is not authorized for this client"),
    ],
)
def test_everything_else_keeps_its_level(name: str, template: str) -> None:
    """Lines of other loggers and other lines keep their level."""
    record = _record(name, template, "a", "b")
    assert LowerExpectedLines(logging.WARNING).filter(record)
    assert record.levelname == "ERROR"


def test_expected_lines_are_dropped_where_info_is() -> None:
    """With LAKSA_LOG_LEVEL=WARNING the lowered lines are not logged."""
    record = _record(COORDINATOR, REBALANCING, "stats", level=logging.WARNING)
    assert not LowerExpectedLines(logging.WARNING).filter(record)


@pytest.mark.parametrize(("name", "template"), EXPECTED)
def test_aiokafka_still_has_these_lines(name: str, template: str) -> None:
    """The installed aiokafka still has these texts; a new wording would be logged as an error again."""
    assert f'"{template}"' in inspect.getsource(importlib.import_module(name))


def test_the_log_shows_the_reason() -> None:
    """In the process's log an expected line is INFO with its reason, and another line is ERROR without one."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    expected, fault = [json.loads(line) for line in ran.stderr.splitlines()]
    assert (expected["level"], expected["message"][:32]) == ("info", "Group Coordinator Request failed")
    assert expected["reason"].startswith("Kafka is still starting")
    assert fault["level"] == "error"
    assert "reason" not in fault
