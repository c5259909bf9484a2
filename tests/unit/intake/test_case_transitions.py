"""A department's answer is a new transition, a repeat, or refused."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.intake.case_transitions import CaseTransition, next_transition
from shared.domain.workflow import CaseStatus
from shared.errors import WorkflowRefused
from shared.events.models import DepartmentAnswer

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def answer(status: str, seq: int, **fields: Any) -> DepartmentAnswer:
    """A department's answer."""
    said = {"report_id": UUID(int=1), "by": "Rina", "at": NOW, "note": None} | fields
    return DepartmentAnswer(status=status, seq=seq, **said)


def walk(*answers: DepartmentAnswer, opd: str = "DISHUB") -> dict[int, CaseTransition]:
    """The course that results from these answers in order."""
    course: dict[int, CaseTransition] = {}
    for one in answers:
        step = next_transition(course, opd, one, now=NOW)
        course[step.seq] = step
    return course


def test_a_course_begins_at_routed() -> None:
    """The first transition starts from ``routed``."""
    first = walk(answer("acknowledged", 1))[1]
    assert (first.from_status, first.to_status) == (CaseStatus.ROUTED, CaseStatus.ACKNOWLEDGED)


def test_steps_follow_each_other() -> None:
    """Each transition starts from the status before; seq numbers may have gaps."""
    course = walk(answer("acknowledged", 1), answer("in_progress", 4), answer("resolved", 5))
    assert [step.from_status for step in course.values()] == ["routed", "acknowledged", "in_progress"]


def test_a_repeat_is_the_very_same_step() -> None:
    """A repeat returns the first transition, at any later time."""
    first, second = answer("acknowledged", 1, note="berangkat"), answer("in_progress", 2)
    course = walk(first, second)
    assert next_transition(course, "DISHUB", first, now=NOW + timedelta(days=1)) == course[1]


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        ([], answer("closed", 1)),
        ([], answer("routed", 1)),
        ([], answer("merged", 1)),
        ([], answer("selesai", 1)),
        ([], answer("resolved", 1)),
        ([answer("acknowledged", 1)], answer("acknowledged", 2)),
        ([answer("acknowledged", 5)], answer("in_progress", 4)),
        ([answer("acknowledged", 1)], answer("acknowledged", 1, note="another")),
        ([answer("acknowledged", 1)], answer("in_progress", 2, at=NOW - timedelta(hours=1))),
        ([answer("rejected", 1)], answer("in_progress", 2)),
    ],
)
def test_illegal_and_stale_steps_are_refused(before: list[DepartmentAnswer], refused: DepartmentAnswer) -> None:
    """A forbidden status, an illegal transition, an old or used seq, and an older time are refused."""
    course = walk(*before)
    with pytest.raises(WorkflowRefused):
        next_transition(course, "DISHUB", refused, now=NOW)


def test_only_the_live_room_closes_a_case() -> None:
    """A department cannot close its own case."""
    steps = (answer("acknowledged", 1), answer("resolved", 2), answer("closed", 3))
    assert walk(*steps, opd="LIVEROOM")[3].to_status is CaseStatus.CLOSED
    with pytest.raises(WorkflowRefused):
        walk(*steps, opd="DISHUB")


def test_a_clock_that_ran_ahead_blocks_nothing() -> None:
    """After an answer dated in the future, one with the correct time is still accepted."""
    course = walk(answer("acknowledged", 1, at=NOW + timedelta(days=365)), answer("in_progress", 2))
    assert course[2].to_status is CaseStatus.IN_PROGRESS
