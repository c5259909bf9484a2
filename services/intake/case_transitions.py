"""Checks a department's answer against that department's own course of a report. Pure."""

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
    """One accepted transition of a course. ``at`` is the department's time, ``recorded_at`` the server's; both aware.

    ``digest`` is a hash of the whole answer, including the note.
    """

    seq: int
    from_status: CaseStatus
    to_status: CaseStatus
    at: datetime
    recorded_at: datetime
    digest: bytes


def digest_of(answer: DepartmentAnswer) -> bytes:
    """The hash that tells a repeated answer from another answer with the same seq."""
    parts = [answer.status, answer.by, answer.at.isoformat(), answer.note]
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def next_transition(
    course: Mapping[int, CaseTransition], opd: str, answer: DepartmentAnswer, *, now: datetime
) -> CaseTransition:
    """The transition of an answer, given the course so far by seq; a repeat returns the first transition.

    A course begins at ``routed``.

    Raises:
        WorkflowRefused: the seq is old or used, the department may not set this status, or the workflow forbids it.
    """
    digest = digest_of(answer)
    known = course.get(answer.seq)
    if known is not None:
        if known.digest == digest:
            return known
        raise WorkflowRefused("The seq was already used for another answer")
    latest = course[max(course)] if course else None
    if latest is not None and answer.seq < latest.seq:
        raise WorkflowRefused("The seq is lower than the last accepted one")
    current = latest.to_status if latest else CaseStatus.ROUTED
    target = _status_of(answer, opd)
    # a department's clock that runs ahead must not make its next answer stale
    since = min(latest.at, latest.recorded_at) if latest else None
    checked = check_transition(current, target, at=answer.at, since=since)
    if isinstance(checked, Refusal):
        raise WorkflowRefused(checked.sentence)
    return CaseTransition(answer.seq, current, target, answer.at.astimezone(UTC), now, digest)


def _status_of(answer: DepartmentAnswer, opd: str) -> CaseStatus:
    allowed = LIVE_ROOM_STATUSES if opd == TRIAGE_OPD else DEPARTMENT_STATUSES
    status = CaseStatus.parse(answer.status)
    if status is None or status not in allowed:
        raise WorkflowRefused("A department may not set this status")
    return status
