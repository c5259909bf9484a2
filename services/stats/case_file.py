"""Builds the case file of a report from its facts: its departments, status, history and the reasons. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.stats.aggregation import (
    NONE,
    Registration,
    ReportRow,
    first_decision,
    fold,
    is_acknowledged,
    latest_statuses,
)
from services.stats.answers import DeliveryStanding, HistoryEntry, ReportDetail, ReportSummary, TargetStanding
from services.stats.deliveries import DeliveryRow
from services.stats.facts import Fact
from services.stats.labels import DELIVERY_STATES, category_label, label_of, public_status, status_label
from shared.domain.taxonomy import Taxonomy
from shared.domain.workflow import CaseStatus
from shared.events.models import DeliveryChanged, ReportDecided, ReportStatusChanged


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A report in a list: its registration, its owner (or NONE), and its status."""

    report_id: str
    registration: Registration
    owner: str
    status: str


def summary_of(line: ReportLine, taxonomy: Taxonomy) -> ReportSummary:
    """The fields of a report that a list shows."""
    return ReportSummary(**_summary_fields(line, taxonomy))


def case_file(report_id: str, facts: Sequence[Fact], taxonomy: Taxonomy) -> ReportDetail | None:
    """Everything that may be shown of a report; None until its ``registered`` fact is known."""
    row = fold(report_id, facts, taxonomy)
    if row.registration is None:
        return None
    decision = first_decision(facts)
    decided = decision.event if decision and isinstance(decision.event, ReportDecided) else None
    return ReportDetail(
        **_summary_fields(ReportLine(report_id, row.registration, row.owner, row.status), taxonomy),
        outcome=None if row.outcome == NONE else row.outcome,
        why=decided.why if decided else None,
        rule=decided.rule if decided else None,
        table_version=decided.table_version if decided else None,
        decided_at=row.decided_at,
        targets=_targets(row, decided, latest_statuses(facts), taxonomy),
        history=_history(facts),
    )


def _summary_fields(line: ReportLine, taxonomy: Taxonomy) -> dict[str, Any]:
    known = line.registration
    return {
        **asdict(known),
        "report_id": line.report_id,
        "category_label": category_label(known.category, taxonomy),
        "status": line.status,
        "status_label": status_label(line.status),
        "public_status": public_status(line.status),
        "owner": None if line.owner == NONE else line.owner,
    }


def _targets(
    row: ReportRow, decided: ReportDecided | None, statuses: Mapping[str, CaseStatus], taxonomy: Taxonomy
) -> list[TargetStanding]:
    """The decision's targets, then other departments with a delivery (the Live Room if it stands in)."""
    roles = {delivery.opd: delivery.role for delivery in row.deliveries}
    if decided is not None:
        roles = {target.opd: target.role for target in decided.targets} | {
            opd: role for opd, role in roles.items() if opd not in {target.opd for target in decided.targets}
        }
    return [
        TargetStanding(
            opd=opd,
            name=label_of("opd", opd, taxonomy),
            role=role,
            status=_target_status(row, opd, role, statuses),
            deliveries=[_delivery(delivery) for delivery in row.deliveries if delivery.opd == opd],
        )
        for opd, role in roles.items()
    ]


def _target_status(row: ReportRow, opd: str, role: str, statuses: Mapping[str, CaseStatus]) -> str:
    if role == "owner" and opd == row.owner:
        return row.status
    status = statuses.get(opd)
    if status is not None:
        return status
    return CaseStatus.ACKNOWLEDGED if is_acknowledged(row.deliveries, opd) else CaseStatus.ROUTED


def _delivery(row: DeliveryRow) -> DeliveryStanding:
    return DeliveryStanding(
        delivery_id=row.delivery_id,
        endpoint=row.endpoint,
        endpoint_kind=row.endpoint_kind,
        state=row.state,
        state_label=DELIVERY_STATES[row.state],
        attempts=row.attempts,
        level=row.level,
        last_at=row.last_at,
        acknowledged_by=row.acknowledged_by,
        acknowledged_via=row.acknowledged_via,
    )


def _history(facts: Iterable[Fact]) -> list[HistoryEntry]:
    ordered = sorted(facts, key=lambda fact: (fact.moment, fact.event_id))
    return [HistoryEntry(at=fact.moment, what=fact.name, **_told_by(fact)) for fact in ordered]


def _told_by(fact: Fact) -> dict[str, Any]:
    event = fact.event
    if isinstance(event, ReportStatusChanged):
        return {
            "by": event.by,
            "opd": event.opd,
            "from_status": event.from_status,
            "to_status": event.to_status,
        }
    if isinstance(event, DeliveryChanged):
        return {
            "by": event.acknowledged_by or "notifier",
            "opd": event.opd,
            "endpoint": event.endpoint,
            "attempt": event.attempt,
            "level": event.level,
        }
    if isinstance(event, ReportDecided):
        return {"by": "router", "opd": event.owner}
    return {"by": "intake"}
