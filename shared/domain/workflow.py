"""The case workflow as a transition table.

Source: ``docs/domain.md``, Case workflow. Every illegal or stale transition is refused with a reason, never dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

REOPEN_WINDOW = timedelta(days=7)
CLOCK_TOLERANCE = timedelta(seconds=60)  # tolerance for departments' clocks, the same as intake's for reports

RefusalCode = Literal[
    "same_status",
    "illegal_transition",
    "stale_transition",
    "reopen_window_over",
    "reopen_window_unknown",
    "not_in_this_lane",
]


class PublicStatus(StrEnum):
    """What LAKSA shows the citizen; the value is also its Indonesian name."""

    WAITING = "menunggu"
    IN_PROGRESS = "proses"
    DONE = "selesai"
    REJECTED = "ditolak"
    MERGED = "digabung"
    CANCELLED = "dibatalkan"


class CaseStatus(StrEnum):
    """The status of a case."""

    RECEIVED = "received"
    TRIAGE = "triage"
    ROUTED = "routed"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    SCHEDULED = "scheduled"
    WAITING_REPORTER = "waiting_reporter"
    TRANSFERRED = "transferred"
    REFERRED = "referred"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REJECTED = "rejected"
    MERGED = "merged"
    CANCELLED = "cancelled"
    REOPENED = "reopened"

    @classmethod
    def parse(cls, text: str) -> "CaseStatus | None":
        """Parse a status, ignoring letter case and surrounding spaces; None for an unknown one."""
        try:
            return cls(text.strip().casefold())
        except ValueError:
            return None

    @property
    def label(self) -> str:
        """The label on the board, in Indonesian."""
        return _LABELS[self]

    @property
    def public(self) -> PublicStatus:
        """The status as the citizen sees it."""
        return _PUBLIC[self]

    @property
    def is_terminal(self) -> bool:
        """True for an end state; closed and rejected cases can be reopened for 7 days."""
        return self in TERMINAL


S = CaseStatus

TRANSITIONS: Mapping[CaseStatus, frozenset[CaseStatus]] = MappingProxyType(
    {
        S.RECEIVED: frozenset({S.ROUTED, S.TRIAGE, S.REJECTED, S.MERGED, S.CANCELLED}),
        S.TRIAGE: frozenset({S.ROUTED, S.REJECTED, S.MERGED, S.CLOSED}),
        S.ROUTED: frozenset({S.ACKNOWLEDGED, S.IN_PROGRESS, S.TRANSFERRED, S.REJECTED, S.MERGED, S.CANCELLED}),
        S.ACKNOWLEDGED: frozenset({S.IN_PROGRESS, S.WAITING_REPORTER, S.TRANSFERRED, S.REFERRED, S.RESOLVED, S.MERGED}),
        S.IN_PROGRESS: frozenset({S.RESOLVED, S.WAITING_REPORTER, S.SCHEDULED, S.TRANSFERRED, S.REFERRED}),
        S.SCHEDULED: frozenset({S.IN_PROGRESS, S.RESOLVED}),
        S.WAITING_REPORTER: frozenset({S.IN_PROGRESS, S.ACKNOWLEDGED, S.RESOLVED, S.CLOSED}),
        S.TRANSFERRED: frozenset({S.ROUTED, S.TRIAGE}),
        S.REFERRED: frozenset({S.IN_PROGRESS, S.RESOLVED, S.TRANSFERRED}),
        S.RESOLVED: frozenset({S.CLOSED, S.REOPENED}),
        S.CLOSED: frozenset({S.REOPENED}),
        S.REJECTED: frozenset({S.REOPENED}),
        S.MERGED: frozenset(),
        S.CANCELLED: frozenset(),
        S.REOPENED: frozenset({S.ROUTED, S.IN_PROGRESS}),
    }
)

TERMINAL: frozenset[CaseStatus] = frozenset({S.CLOSED, S.REJECTED, S.MERGED, S.CANCELLED})

# The statuses that a department may set on a report it owns. Not included: received, triage and routed (set by the
# router); merged (must name a parent); cancelled and reopened (set by the reporter); closed (follows resolved when the
# reporter agrees or time has passed; a department does not close its own work).
DEPARTMENT_STATUSES: frozenset[CaseStatus] = frozenset(
    {
        S.ACKNOWLEDGED,
        S.IN_PROGRESS,
        S.SCHEDULED,
        S.WAITING_REPORTER,
        S.TRANSFERRED,
        S.REFERRED,
        S.RESOLVED,
        S.REJECTED,
    }
)

# The Live Room supervises the departments: it may also close and reopen a case.
LIVE_ROOM_STATUSES: frozenset[CaseStatus] = DEPARTMENT_STATUSES | {S.CLOSED, S.REOPENED}

_LABELS: Mapping[CaseStatus, str] = MappingProxyType(
    {
        S.RECEIVED: "Diterima",
        S.TRIAGE: "Triase",
        S.ROUTED: "Diteruskan",
        S.ACKNOWLEDGED: "Diterima OPD",
        S.IN_PROGRESS: "Proses",
        S.SCHEDULED: "Dijadwalkan",
        S.WAITING_REPORTER: "Menunggu pelapor",
        S.TRANSFERRED: "Bukan kewenangan",
        S.REFERRED: "Dirujuk",
        S.RESOLVED: "Selesai",
        S.CLOSED: "Ditutup",
        S.REJECTED: "Ditolak",
        S.MERGED: "Digabung",
        S.CANCELLED: "Dibatalkan",
        S.REOPENED: "Dibuka kembali",
    }
)

_PUBLIC: Mapping[CaseStatus, PublicStatus] = MappingProxyType(
    {
        **dict.fromkeys((S.RECEIVED, S.TRIAGE, S.ROUTED, S.TRANSFERRED, S.REOPENED), PublicStatus.WAITING),
        **dict.fromkeys(
            (S.ACKNOWLEDGED, S.IN_PROGRESS, S.SCHEDULED, S.WAITING_REPORTER, S.REFERRED), PublicStatus.IN_PROGRESS
        ),
        **dict.fromkeys((S.RESOLVED, S.CLOSED), PublicStatus.DONE),
        S.REJECTED: PublicStatus.REJECTED,
        S.MERGED: PublicStatus.MERGED,
        S.CANCELLED: PublicStatus.CANCELLED,
    }
)


@dataclass(frozen=True, slots=True)
class Transition:
    """A transition that the workflow allows."""

    current: CaseStatus
    target: CaseStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A transition that is not allowed: a stable code for programs and a sentence for people."""

    code: RefusalCode
    sentence: str


def check_transition(
    current: CaseStatus, target: CaseStatus, *, at: datetime, since: datetime | None
) -> Transition | Refusal:
    """Check one transition of a case.

    Args:
        current: the present status.
        target: the new status.
        at: time of the transition, aware.
        since: time at which the case reached ``current``, aware; None if unknown.
    """
    if target is current:
        return Refusal("same_status", f"The report is already {current}.")
    if target not in TRANSITIONS[current]:
        return Refusal("illegal_transition", _illegal_sentence(current, target))
    if since is not None and at < since - CLOCK_TOLERANCE:
        return Refusal("stale_transition", f"The report became {current} after the time of this change.")
    if current in TERMINAL:
        return _check_reopening(current, target, at, since)
    return Transition(current, target, at)


def _check_reopening(
    current: CaseStatus, target: CaseStatus, at: datetime, since: datetime | None
) -> Transition | Refusal:
    if since is None:
        return Refusal("reopen_window_unknown", f"It is not known when the report became {current}.")
    if at - since > REOPEN_WINDOW:
        return Refusal("reopen_window_over", f"A {current} report can be reopened for {REOPEN_WINDOW.days} days only.")
    return Transition(current, target, at)


def _illegal_sentence(current: CaseStatus, target: CaseStatus) -> str:
    allowed = sorted(TRANSITIONS[current])
    return f"A {current} report cannot become {target}; " + (
        f"it can become {', '.join(allowed)}." if allowed else "nothing follows it."
    )
