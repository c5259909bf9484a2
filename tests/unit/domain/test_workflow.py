from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.workflow import (
    DEPARTMENT_STATUSES,
    LIVE_ROOM_STATUSES,
    TERMINAL,
    TRANSITIONS,
    CaseStatus,
    PublicStatus,
    Refusal,
    Transition,
    check_transition,
)

S = CaseStatus
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
STATUSES = st.sampled_from(CaseStatus)

# A second copy of the domain document's table, to detect a mistake in either.
TABLE = {
    "received": "routed triage rejected merged cancelled",
    "triage": "routed rejected merged closed",
    "routed": "acknowledged in_progress transferred rejected merged cancelled",
    "acknowledged": "in_progress waiting_reporter transferred referred resolved merged",
    "in_progress": "resolved waiting_reporter scheduled transferred referred",
    "scheduled": "in_progress resolved",
    "waiting_reporter": "in_progress acknowledged resolved closed",
    "transferred": "routed triage",
    "referred": "in_progress resolved transferred",
    "resolved": "closed reopened",
    "closed": "reopened",
    "rejected": "reopened",
    "merged": "",
    "cancelled": "",
    "reopened": "routed in_progress",
}


def test_the_table_is_the_domains() -> None:
    """Each status has exactly the transitions of the domain document."""
    assert {status.value: set(TRANSITIONS[status]) for status in S} == {
        status: set(targets.split()) for status, targets in TABLE.items()
    }


@given(STATUSES, STATUSES)
def test_a_step_is_allowed_if_and_only_if_the_table_has_it(current: CaseStatus, target: CaseStatus) -> None:
    """Every pair of statuses has a result, and every refusal has a code and a sentence."""
    answer = check_transition(current, target, at=NOW, since=EARLIER)
    if target in TRANSITIONS[current]:
        assert answer == Transition(current, target, NOW)
    else:
        assert isinstance(answer, Refusal)
        assert answer.code == ("same_status" if target is current else "illegal_transition")
        assert answer.sentence.endswith(".")


@pytest.mark.parametrize("current", [S.CLOSED, S.REJECTED])
def test_closed_and_rejected_can_be_reopened_for_seven_days(current: CaseStatus) -> None:
    """Reopening is allowed until the end of the seventh day, to the second."""
    since = NOW - timedelta(days=7)
    assert isinstance(check_transition(current, S.REOPENED, at=NOW, since=since), Transition)
    late = check_transition(current, S.REOPENED, at=NOW + timedelta(seconds=1), since=since)
    assert isinstance(late, Refusal)
    assert late.code == "reopen_window_over"


def test_without_a_time_of_closing_nothing_is_reopened() -> None:
    """Without a closing time, reopening is refused."""
    answer = check_transition(S.CLOSED, S.REOPENED, at=NOW, since=None)
    assert isinstance(answer, Refusal)
    assert answer.code == "reopen_window_unknown"


def test_a_resolved_case_can_be_reopened_at_any_time() -> None:
    """The window applies only to closed and rejected cases."""
    since = NOW - timedelta(days=400)
    assert isinstance(check_transition(S.RESOLVED, S.REOPENED, at=NOW, since=since), Transition)


def test_a_change_from_before_the_current_status_is_stale() -> None:
    """An older answer is refused; a clock error of one minute is tolerated."""
    within = check_transition(S.ROUTED, S.ACKNOWLEDGED, at=NOW - timedelta(seconds=60), since=NOW)
    beyond = check_transition(S.ROUTED, S.ACKNOWLEDGED, at=NOW - timedelta(seconds=61), since=NOW)
    assert isinstance(within, Transition)
    assert isinstance(beyond, Refusal)
    assert beyond.code == "stale_transition"


def test_a_refusal_says_what_is_possible_instead() -> None:
    """The refusal lists the allowed transitions."""
    answer = check_transition(S.SCHEDULED, S.REJECTED, at=NOW, since=None)
    assert isinstance(answer, Refusal)
    assert answer.sentence == "A scheduled report cannot become rejected; it can become in_progress, resolved."


def test_the_terminal_statuses_end_the_case() -> None:
    """The only transition from a terminal status is reopening."""
    assert {S.CLOSED, S.REJECTED, S.MERGED, S.CANCELLED} == TERMINAL
    assert all(TRANSITIONS[status] <= {S.REOPENED} for status in TERMINAL)
    assert {status for status in S if status.is_terminal} == TERMINAL


def test_a_department_sets_only_what_is_its_own_to_say() -> None:
    """A department may not set the statuses of the router, the reporter and the supervisor."""
    assert {
        *(S.ACKNOWLEDGED, S.IN_PROGRESS, S.SCHEDULED, S.WAITING_REPORTER),
        *(S.TRANSFERRED, S.REFERRED, S.RESOLVED, S.REJECTED),
    } == DEPARTMENT_STATUSES
    assert {S.CLOSED, S.REOPENED} == LIVE_ROOM_STATUSES - DEPARTMENT_STATUSES


@pytest.mark.parametrize(
    ("public", "statuses"),
    [
        (PublicStatus.WAITING, "received triage routed transferred reopened"),
        (PublicStatus.IN_PROGRESS, "acknowledged in_progress scheduled waiting_reporter referred"),
        (PublicStatus.DONE, "resolved closed"),
        (PublicStatus.REJECTED, "rejected"),
        (PublicStatus.MERGED, "merged"),
        (PublicStatus.CANCELLED, "cancelled"),
    ],
)
def test_the_public_status_is_the_one_that_laksa_shows(public: PublicStatus, statuses: str) -> None:
    """The public statuses group the case statuses as the domain document says."""
    assert {status.value for status in S if status.public is public} == set(statuses.split())


def test_every_status_has_its_own_indonesian_name() -> None:
    """The board shows no codes, and no two statuses have the same name."""
    assert len({status.label for status in S}) == len(S)


@pytest.mark.parametrize(
    ("text", "status"), [(" Acknowledged", S.ACKNOWLEDGED), ("in_progress", S.IN_PROGRESS), ("done", None), ("", None)]
)
def test_a_status_is_read_from_text(text: str, status: CaseStatus | None) -> None:
    """An unknown status gives None, not an exception."""
    assert CaseStatus.parse(text) is status
