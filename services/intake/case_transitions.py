"""A department's answer against that department's own course of a report. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.domain.taxonomy import TRIAGE_OPD
from shared.domain.workflow import (
    DEPARTMENT_STATUSES,
    LIVE_ROOM_STATUSES,
    CaseStatus,
    Refusal,
    check_transition,
)
from shared.errors import WorkflowRefused
from shared.events.models import DepartmentAnswer


@dataclass(frozen=True, slots=True)
class CaseTransition:
    """One accepted step of a course. ``at`` is the department's clock, ``recorded_at`` ours; both aware.

    ``digest`` stands for the whole answer, the note included.
    """

    seq: int
    from_status: CaseStatus
    to_status: CaseStatus
    at: datetime
    recorded_at: datetime
    digest: bytes


def digest_of(answer: DepartmentAnswer) -> bytes:
    """What tells a repeat of an answer from another one with the same seq."""
    parts = [answer.status, answer.by, answer.at.isoformat(), answer.note]
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def next_transition(
    course: Mapping[int, CaseTransition], opd: str, answer: DepartmentAnswer, *, now: datetime
) -> CaseTransition:
    """The step that an answer is, given the course so far by seq; a repeat is the very step that it was at first.

    A course begins at ``routed``: a department that has the report has been routed to.

    Raises:
        WorkflowRefused: the seq is old or used, the department may not say this, or the workflow does not allow it.
    """
    digest = digest_of(answer)
    known = course.get(answer.seq)
    if known is not None:
        if known.digest == digest:
            return known
        raise WorkflowRefused("The seq was used for another answer")
    latest = course[max(course)] if course else None
    if latest is not None and answer.seq < latest.seq:
        raise WorkflowRefused("The seq is older than one that was accepted")
    current = latest.to_status if latest else CaseStatus.ROUTED
    target = _status_of(answer, opd)
    # a department's clock that runs ahead must not make its next answer look stale
    since = min(latest.at, latest.recorded_at) if latest else None
    checked = check_transition(current, target, at=answer.at, since=since)
    if isinstance(checked, Refusal):
        raise WorkflowRefused(checked.sentence)
    return CaseTransition(answer.seq, current, target, answer.at.astimezone(UTC), now, digest)


def _status_of(answer: DepartmentAnswer, opd: str) -> CaseStatus:
    allowed = LIVE_ROOM_STATUSES if opd == TRIAGE_OPD else DEPARTMENT_STATUSES
    status = CaseStatus.parse(answer.status)
    if status is None or status not in allowed:
        raise WorkflowRefused("Not a status that a department may give")
    return status
