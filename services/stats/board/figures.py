"""Computes the figures on the board from the accounts. Pure.

The work of the departments excludes history (mode ``backfill``): those reports are routed and counted, but never
pushed, so no department confirms them. They have their own column and figure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.stats.accounting import OPEN_STATUSES, UNCONFIRMED_STATUSES, AccountLine, Conservation, conservation
from services.stats.aggregation import NONE
from shared.domain.lanes import Lane, Mode
from shared.domain.taxonomy import Taxonomy
from shared.domain.workflow import CaseStatus, PublicStatus


def _shown_as(public: PublicStatus) -> Collection[CaseStatus]:
    return frozenset(status for status in CaseStatus if status.public is public)


WAITING = _shown_as(PublicStatus.WAITING)
IN_PROGRESS = _shown_as(PublicStatus.IN_PROGRESS)
DONE = _shown_as(PublicStatus.DONE)


@dataclass(frozen=True, slots=True)
class OpdRow:
    """One department's work. ``unconfirmed`` is the part of ``waiting`` that the department has not acknowledged.

    ``failing`` counts deliveries, not reports, and includes deliveries to informed departments.
    """

    code: str
    name: str
    incoming: int
    waiting: int
    in_progress: int
    done: int
    unconfirmed: int
    failing: int
    history: int


@dataclass(frozen=True, slots=True)
class BoardFigures:
    """All numbers on the board."""

    today: int
    live: int
    history: int
    open_emergencies: int
    unconfirmed_emergencies: int
    in_triage: int
    unconfirmed: int
    in_progress: int
    done: int
    ended: int
    failing: int
    accounts: Mapping[Lane, Conservation]
    departments: Sequence[OpdRow]

    @property
    def total(self) -> int:
        """The number of all counted reports."""
        return self.live + self.history

    @property
    def is_conserved(self) -> bool:
        """True if every accepted report has a decision."""
        return all(account.difference == 0 for account in self.accounts.values())


def board_figures(
    lines: Iterable[AccountLine], *, today: int, failing: Mapping[str, int], taxonomy: Taxonomy
) -> BoardFigures:
    """Compute the figures from the accounts, the count of ``today``, and the failing deliveries per OPD."""
    known = list(lines)
    live = [line for line in known if line.mode == Mode.LIVE]
    emergencies = [line for line in live if line.lane == Lane.EMERGENCY]
    routed = [line for line in live if line.status != CaseStatus.TRIAGE]
    return BoardFigures(
        today=today,
        live=_count(live),
        history=_count(line for line in known if line.mode == Mode.BACKFILL),
        open_emergencies=_count(emergencies, OPEN_STATUSES),
        unconfirmed_emergencies=_count(emergencies, UNCONFIRMED_STATUSES),
        in_triage=_count(live, (CaseStatus.TRIAGE,)),
        unconfirmed=_count(routed, UNCONFIRMED_STATUSES),
        in_progress=_count(live, IN_PROGRESS),
        done=_count(live, DONE),
        ended=_count(line for line in live if line.outcome == "ended"),
        failing=sum(failing.values()),
        accounts=conservation(known),
        departments=_departments(known, failing, taxonomy),
    )


def _departments(lines: Sequence[AccountLine], failing: Mapping[str, int], taxonomy: Taxonomy) -> Sequence[OpdRow]:
    codes = {line.opd for line in lines if line.opd != NONE} | set(failing)
    names = {code: opd.name for code, opd in taxonomy.opds.items()}
    rows = [
        _department(code, names.get(code, code), [line for line in lines if line.opd == code], failing.get(code, 0))
        for code in codes
    ]
    return sorted(rows, key=lambda row: (-row.incoming, -row.history, row.code))


def _department(code: str, name: str, lines: Sequence[AccountLine], failing: int) -> OpdRow:
    live = [line for line in lines if line.mode == Mode.LIVE]
    return OpdRow(
        code=code,
        name=name,
        incoming=_count(live),
        waiting=_count(live, WAITING),
        in_progress=_count(live, IN_PROGRESS),
        done=_count(live, DONE),
        unconfirmed=_count(live, UNCONFIRMED_STATUSES),
        failing=failing,
        history=_count(line for line in lines if line.mode == Mode.BACKFILL),
    )


def _count(lines: Iterable[AccountLine], statuses: Collection[str] | None = None) -> int:
    return sum(line.count for line in lines if statuses is None or line.status in statuses)
