"""The state of a delivery, derived from its facts in any order."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import pytest

from services.stats.deliveries import fold_deliveries
from shared.events.models import Event
from shared.messaging.received import Received
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import facts

CASES: list[tuple[str, list[Received[Event]], str, int]] = [
    ("one success", [lifecycle.delivery()], "delivered", 1),
    (
        "a failure after a success (an emergency is pushed again)",
        [lifecycle.delivery(), lifecycle.delivery(state="failed", attempt=2)],
        "retrying",
        2,
    ),
    (
        "given up",
        [lifecycle.delivery(state="failed", attempt=3), lifecycle.delivery(state="exhausted", attempt=3)],
        "exhausted",
        3,
    ),
    (
        "redriven",
        [lifecycle.delivery(state="exhausted", attempt=3), lifecycle.delivery(attempt=4)],
        "delivered",
        4,
    ),
    (
        "acknowledged for good",
        [
            lifecycle.delivery(state="acknowledged", attempt=1, acknowledged_by="Piket"),
            lifecycle.delivery(state="failed", attempt=2, at=lifecycle.START + timedelta(hours=1)),
        ],
        "acknowledged",
        2,
    ),
    ("only escalated so far", [lifecycle.delivery(state="escalated", attempt=9, level=2)], "pending", 9),
]


@pytest.mark.parametrize(
    ("changes", "state", "attempts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_state_is_the_same_in_every_order(changes: Sequence[Received[Event]], state: str, attempts: int) -> None:
    """In any order, the highest attempt gives the state, and an acknowledgement is final."""
    rows = {fold_deliveries(facts(*order)) for order in permutations(changes)}
    assert len(rows) == 1
    (row,) = rows.pop()
    assert (row.state, row.attempts) == (state, attempts)


def test_each_endpoint_has_a_delivery_of_its_own() -> None:
    """Each endpoint has its own delivery, so a success of one does not hide another's failure (N1)."""
    rows = fold_deliveries(facts(lifecycle.delivery(opd="DISHUB"), lifecycle.delivery(state="failed", opd="BPBD")))
    assert [(row.opd, row.state) for row in rows] == [("BPBD", "retrying"), ("DISHUB", "delivered")]


def test_escalation_is_a_level_and_no_state() -> None:
    """An escalation raises the level and keeps the state."""
    (row,) = fold_deliveries(
        facts(lifecycle.delivery(), lifecycle.delivery(state="escalated", level=3), lifecycle.delivery(attempt=2))
    )
    assert (row.state, row.level) == ("delivered", 3)


def test_a_person_may_close_a_delivery() -> None:
    """An acknowledged fact with the state ``closed_by_person`` closes the delivery."""
    (row,) = fold_deliveries(facts(lifecycle.closed_by_person()))
    assert row.state == "closed_by_person"
