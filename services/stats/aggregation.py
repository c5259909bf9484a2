"""Derives a report's row from the set of its facts. Pure.

Facts may arrive in any order and any number of times; the same set gives the same row. Rules that the design leaves
open:

- A report counts once its ``registered`` fact is known. Earlier facts are kept and take effect then.
- The first decision (by ``decided_at``, then by event id) is used for the accounts, the owner and the status.
- The status is the owner's: its latest change by ``seq``. Before its first change, a routed report is
  ``acknowledged`` as soon as one of the owner's deliveries is. A report in triage stays in triage, because only an
  assignment ends triage.
- A call that ends at the router is ``ended``, outside the case workflow: no department received it, and counting it as
  *selesai* would raise the share of finished work on the board.
- An unknown category counts as ``UNKNOWN``, a missing one as ``NONE``; both roll up to "other".
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from services.stats.deliveries import DeliveryRow, fold_deliveries
from services.stats.facts import Fact
from services.stats.windows import day_of
from shared.domain.delivery import DeliveryState
from shared.domain.lanes import CallType, Channel, Lane, Mode
from shared.domain.taxonomy import Rollup, Taxonomy
from shared.domain.workflow import CaseStatus
from shared.events.models import ReportDecided, ReportRegistered, ReportStatusChanged

NONE = "NONE"  # the dimension does not apply, or its value is missing
UNKNOWN = "UNKNOWN"  # the taxonomy does not have the value
ENDED = "ended"
_MODES = frozenset(Mode)

_STATUS_AFTER: Mapping[str, str] = MappingProxyType(
    {"routed": CaseStatus.ROUTED, "triaged": CaseStatus.TRIAGE, "ended": ENDED, "rejected": CaseStatus.REJECTED}
)


@dataclass(frozen=True, slots=True, order=True)
class CubeKey:
    """One cell of the cube. ``opd`` is the owner's code; ``rollup`` a key of the 112 report."""

    day: date
    channel: str
    category: str
    rollup: str
    opd: str
    kecamatan: str
    call_type: str
    status: str


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """One line of the accounts. ``outcome`` is the first decision, or NONE before it."""

    lane: str
    mode: str
    opd: str
    outcome: str
    status: str


@dataclass(frozen=True, slots=True)
class Registration:
    """A report as intake registered it; every field may be shown."""

    ticket: str
    channel: str
    lane: str
    mode: str
    category: str
    kecamatan: str
    call_type: str
    occurred_at: datetime
    received_at: datetime

    @property
    def day(self) -> date:
        """The day under which the report is counted: the day in Jakarta on which it occurred."""
        return day_of(self.occurred_at)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report as derived from its facts. ``registration`` is None if only later facts are known."""

    report_id: str
    registration: Registration | None
    rollup: str
    outcome: str
    owner: str
    status: str
    decided_at: datetime | None
    deliveries: tuple[DeliveryRow, ...]

    @property
    def counts(self) -> bool:
        """False for exercises and for reports without a ``registered`` fact."""
        return self.registration is not None and self.registration.mode != Mode.EXERCISE

    @property
    def cube_key(self) -> CubeKey | None:
        """The cell that this report is counted in, or None if it does not count."""
        known = self.registration
        if known is None or not self.counts:
            return None
        return CubeKey(
            day=known.day,
            channel=known.channel,
            category=known.category,
            rollup=self.rollup,
            opd=self.owner,
            kecamatan=known.kecamatan,
            call_type=known.call_type,
            status=self.status,
        )

    @property
    def account_key(self) -> AccountKey | None:
        """The line of the accounts that this report is in, or None if it does not count."""
        known = self.registration
        if known is None or not self.counts:
            return None
        return AccountKey(known.lane, known.mode, self.owner, self.outcome, self.status)


def fold(report_id: str, facts: Iterable[Fact], taxonomy: Taxonomy) -> ReportRow:
    """Derive a report's row from all its known facts, in any order."""
    known = tuple({fact.event_id: fact for fact in facts}.values())
    registration = _registration_of(registered_event(known), taxonomy)
    decision = first_decision(known)
    deliveries = fold_deliveries(known)
    return ReportRow(
        report_id=report_id,
        registration=registration,
        rollup=_rollup_of(registration, taxonomy),
        outcome=(decision.outcome if decision else None) or NONE,
        owner=owner_of(decision) or NONE,
        status=_status_of(known, decision, deliveries),
        decided_at=decision.moment if decision else None,
        deliveries=deliveries,
    )


def registered_event(facts: Iterable[Fact]) -> ReportRegistered | None:
    """The ``registered`` event. If there are two, the one with the lower event id, in every order."""
    found = {fact.event_id: fact.event for fact in facts if isinstance(fact.event, ReportRegistered)}
    return found[min(found)] if found else None


def first_decision(facts: Iterable[Fact]) -> Fact | None:
    """The earliest decision, which is the valid one."""
    decisions = [fact for fact in facts if isinstance(fact.event, ReportDecided)]
    return min(decisions, key=lambda fact: (fact.moment, fact.event_id), default=None)


def owner_of(decision: Fact | None) -> str | None:
    """The OPD that owns the report; None if it is undecided or ended at the router."""
    return decision.event.owner if decision and isinstance(decision.event, ReportDecided) else None


def latest_statuses(facts: Iterable[Fact]) -> Mapping[str, CaseStatus]:
    """The status per OPD after the change with its highest ``seq``; unknown statuses are ignored."""
    latest: dict[str, tuple[int, str, CaseStatus]] = {}
    for fact in facts:
        change = fact.event
        if not isinstance(change, ReportStatusChanged):
            continue
        status = CaseStatus.parse(change.to_status)
        if status is not None:
            candidate = (change.seq, fact.event_id, status)
            latest[change.opd] = max(candidate, latest.get(change.opd, candidate))
    return {opd: status for opd, (_, _, status) in latest.items()}


def is_acknowledged(deliveries: Iterable[DeliveryRow], opd: str) -> bool:
    """Whether the department has acknowledged one of its deliveries."""
    return any(row.opd == opd and row.state == DeliveryState.ACKNOWLEDGED for row in deliveries)


def _status_of(facts: Iterable[Fact], decision: Fact | None, deliveries: Iterable[DeliveryRow]) -> str:
    if decision is None:
        return CaseStatus.RECEIVED
    owner = owner_of(decision)
    status = latest_statuses(facts).get(owner) if owner else None
    if status is not None:
        return status
    if decision.outcome == "routed" and owner and is_acknowledged(deliveries, owner):
        return CaseStatus.ACKNOWLEDGED
    return _STATUS_AFTER[decision.outcome or NONE]


def _registration_of(event: ReportRegistered | None, taxonomy: Taxonomy) -> Registration | None:
    if event is None:
        return None
    return Registration(
        ticket=event.ticket,
        channel=event.channel,
        lane=Lane.EMERGENCY if event.lane == Lane.EMERGENCY else Lane.ROUTINE,
        mode=event.mode if event.mode in _MODES else Mode.LIVE,
        category=_known(event.category, taxonomy.categories),
        kecamatan=_known(event.kecamatan, taxonomy.kecamatan),
        call_type=_call_type_of(event),
        occurred_at=event.occurred_at,
        received_at=event.received_at,
    )


def _known(code: str | None, codes: Container[str]) -> str:
    if not code:
        return NONE
    return code if code in codes else UNKNOWN


def _call_type_of(event: ReportRegistered) -> str:
    if event.call_type is None and event.channel != Channel.CALL_112:
        return NONE
    return CallType.parse(event.call_type)


def _rollup_of(registration: Registration | None, taxonomy: Taxonomy) -> str:
    category = taxonomy.categories.get(registration.category) if registration else None
    return category.rollup.key if category else Rollup.LAINNYA.key
