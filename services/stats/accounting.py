"""Checks that every accepted report has a decision, by sums over the accounts. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.domain.lanes import Lane
from shared.domain.workflow import CaseStatus, PublicStatus

# Open statuses: the citizen sees them as waiting or in progress.
OPEN_STATUSES = tuple(
    status for status in CaseStatus if status.public in (PublicStatus.WAITING, PublicStatus.IN_PROGRESS)
)
# Nobody in a department has acknowledged the report yet.
UNCONFIRMED_STATUSES = (CaseStatus.RECEIVED, CaseStatus.TRIAGE, CaseStatus.ROUTED)


@dataclass(frozen=True, slots=True)
class AccountLine:
    """The number of counted reports with the same lane, mode, owner, first decision and status."""

    lane: str
    mode: str
    opd: str
    outcome: str
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class Conservation:
    """The numbers of accepted reports of one lane and of their first decisions. Neither includes exercises."""

    accepted: int
    routed: int
    triaged: int
    ended: int
    rejected: int

    @property
    def difference(self) -> int:
        """The number of reports without a decision: in transit, dead-lettered, or lost."""
        return self.accepted - self.routed - self.triaged - self.ended - self.rejected


def conservation(lines: Iterable[AccountLine]) -> Mapping[Lane, Conservation]:
    """The accounts of both lanes."""
    known = list(lines)
    return {lane: _of([line for line in known if line.lane == lane]) for lane in Lane}


def _of(lines: Iterable[AccountLine]) -> Conservation:
    def decided(outcome: str) -> int:
        return sum(line.count for line in lines if line.outcome == outcome)

    return Conservation(
        accepted=sum(line.count for line in lines),
        routed=decided("routed"),
        triaged=decided("triaged"),
        ended=decided("ended"),
        rejected=decided("rejected"),
    )
