"""The push schedule follows the policy table."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.schedule import (
    EMERGENCY,
    ROUTINE,
    PushPolicy,
    PushResult,
    decide_push,
    first_delay,
    policy_of,
    retry_after_seconds,
)
from shared.domain.delivery import DeliveryState, DeliveryTransition, check_delivery_transition
from shared.domain.lanes import Lane

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
OK = PushResult(status_code=200)
DOWN = PushResult(error_code="not_connected")

results = st.builds(
    PushResult,
    status_code=st.none() | st.integers(100, 599),
    error_code=st.none() | st.sampled_from(["timeout", "internal"]),
    retry_after=st.none() | st.text(max_size=40) | st.integers(-10, 10**7).map(str),
)
spreads = st.floats(0, 1, exclude_max=True)


def delays(policy: PushPolicy, count: int, result: PushResult = DOWN) -> list[float | None]:
    """The waits before the first tries, without jitter, if all tries have the same result."""
    later = [decide_push(policy, attempt, result, now=NOW, spread=0.0).due_in for attempt in range(1, count)]
    return [first_delay(policy, 0.0), *later]


@pytest.mark.parametrize("result", [OK, DOWN])
def test_an_emergency_is_pushed_for_ever(result: PushResult) -> None:
    """0, 1, 2, 4, 8, 15, 30 s, then every 60 s without end, whether the receiver takes it or not."""
    assert delays(EMERGENCY, 7, result) == [0, 1, 2, 4, 8, 15, 30]
    assert delays(EMERGENCY, 1000, result)[7:] == [60.0] * 993


def test_a_routine_push_has_ten_tries_over_75_hours_35_minutes() -> None:
    """The schedule of Standard Webhooks, then exhausted."""
    waits = delays(ROUTINE, 10)
    assert len(waits) == 10
    assert sum(wait or 0 for wait in waits) == timedelta(hours=75, minutes=35, seconds=5).total_seconds()
    assert decide_push(ROUTINE, 10, DOWN, now=NOW, spread=0.0).state is DeliveryState.EXHAUSTED


def test_a_routine_push_ends_with_a_2xx() -> None:
    """A 2xx ends the tries of a routine push."""
    step = decide_push(ROUTINE, 3, OK, now=NOW, spread=0.5)
    assert (step.state, step.due_in) == (DeliveryState.DELIVERED, None)


def test_410_ends_a_routine_delivery_but_no_emergency() -> None:
    """A 410 ends a routine delivery; an emergency is pushed until a person ends it."""
    gone = PushResult(status_code=410)
    assert decide_push(ROUTINE, 1, gone, now=NOW, spread=0.0).state is DeliveryState.EXHAUSTED
    assert decide_push(EMERGENCY, 1, gone, now=NOW, spread=0.0).state is DeliveryState.RETRYING
    assert gone.needs_a_person


@given(st.sampled_from(Lane), st.integers(1, 10_000), results, spreads)
def test_no_step_ends_in_silence(lane: Lane, attempt: int, result: PushResult, spread: float) -> None:
    """An emergency is always due again; a routine push is due again, delivered or exhausted (N3)."""
    step = decide_push(policy_of(lane), attempt, result, now=NOW, spread=spread)
    if lane is Lane.EMERGENCY:
        assert step.due_in is not None
        assert step.state is not DeliveryState.EXHAUSTED
    else:
        assert step.due_in is not None or step.state in {DeliveryState.DELIVERED, DeliveryState.EXHAUSTED}


@given(st.sampled_from(Lane), st.integers(1, 50), results, spreads)
def test_every_step_is_one_of_the_state_table(lane: Lane, attempt: int, result: PushResult, spread: float) -> None:
    """The state table allows every result of a try."""
    state = decide_push(policy_of(lane), attempt, result, now=NOW, spread=spread).state
    way = [DeliveryState.SENDING, DeliveryState.RETRYING, state]
    if state is not DeliveryState.EXHAUSTED:
        way = [DeliveryState.SENDING, state]
    for current, target in pairwise(way):
        assert isinstance(check_delivery_transition(lane, current, target), DeliveryTransition)


@given(st.sampled_from([EMERGENCY, ROUTINE]), st.integers(1, 9), spreads)
def test_jitter_is_only_added_and_small(policy: PushPolicy, attempt: int, spread: float) -> None:
    """Jitter never makes a try earlier, and later by at most a tenth (routine: or 2 s)."""
    exact = decide_push(policy, attempt, DOWN, now=NOW, spread=0.0).due_in or 0.0
    jittered = decide_push(policy, attempt, DOWN, now=NOW, spread=spread).due_in or 0.0
    assert exact <= jittered <= exact + max(exact * 0.1, policy.jitter_floor) + 1e-6


@pytest.mark.parametrize(
    ("header", "emergency", "routine"),
    [
        ("7", 7, 7),
        (" 7 ", 7, 7),
        ("0", 0, 1),
        ("3600", 10, 3600),
        ("999999999", 10, 3600),
        (format_datetime(NOW + timedelta(seconds=8), usegmt=True), 8, 8),
        (format_datetime(NOW + timedelta(days=2), usegmt=True), 10, 3600),
        ("Friday, 20-Nov-26 03:00:09 GMT", 9, 9),
        (format_datetime(NOW - timedelta(seconds=8), usegmt=True), None, None),
        ("-1", None, None),
        ("soon", None, None),
        ("1.5", None, None),
        ("1e3", None, None),
        ("", None, None),
        (None, None, None),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", None, None),
        ("Fri, 99 Foo 2026 99:99:99 GMT", None, None),
    ],
)
def test_retry_after_is_honoured_within_bounds(
    header: str | None, emergency: float | None, routine: float | None
) -> None:
    """Both forms are honoured: up to 10 s for emergencies, else 1 s to 1 h; invalid values are ignored (N9)."""
    assert retry_after_seconds(header, EMERGENCY, now=NOW) == emergency
    assert retry_after_seconds(header, ROUTINE, now=NOW) == routine


@given(st.text(max_size=60), st.sampled_from([EMERGENCY, ROUTINE]))
def test_no_retry_after_breaks_the_schedule(header: str, policy: PushPolicy) -> None:
    """Any header value gives a wait within the policy's bounds."""
    seconds = retry_after_seconds(header, policy, now=NOW)
    assert seconds is None or policy.retry_after_least <= seconds <= policy.retry_after_most


def test_retry_after_never_shortens_the_wait() -> None:
    """A longer wait of the schedule is kept."""
    busy = PushResult(status_code=429, retry_after="5")
    assert decide_push(EMERGENCY, 2, busy, now=NOW, spread=0.0).due_in == 5.0
    assert decide_push(EMERGENCY, 9, busy, now=NOW, spread=0.0).due_in == 60.0
