"""A delivery as stored in the database, and its lifecycle facts.

A delivery is the push of one report to one endpoint.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.notifier.assignment import Assignment
from services.notifier.endpoints import Endpoint
from shared.domain.delivery import DeliveryState
from shared.domain.identity import delivery_id, event_id
from shared.domain.lanes import Lane
from shared.events import catalogue, topics
from shared.events.envelope import Attributes
from shared.events.models import DeliveryChanged
from shared.events.outgoing import OutgoingRecord, record_of
from shared.observability.tracing import child_of

_TYPES = {
    "delivered": catalogue.DELIVERED,
    "failed": catalogue.DELIVERY_FAILED,
    "acknowledged": catalogue.DELIVERY_ACKNOWLEDGED,
    "exhausted": catalogue.DELIVERY_EXHAUSTED,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery. Times are seconds since 1970 UTC.

    ``opd`` is the department of the assignment; ``endpoint_opd`` the one that receives it, which differs if the Live
    Room stands in. ``fresh`` is true until the first try.
    """

    id: UUID
    event_id: str
    report_id: UUID
    opd: str
    lane: Lane
    mode: str
    role: str
    category: str | None
    level: int
    endpoint_id: str
    endpoint_opd: str
    endpoint_kind: str
    url: str | None
    state: DeliveryState
    fresh: bool
    attempt: int
    due_at: float | None
    created_at: float
    received_at: float
    acknowledge_by: float | None
    traceparent: str
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    acknowledged_via: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A department's confirmation that it has a report: by whom, how (``callback``, ``department``), and when."""

    by: str
    via: str
    at: float


def new_delivery(
    assignment: Assignment, endpoint: Endpoint, lane: Lane, *, now: float, due_at: float, answer: Acknowledgement | None
) -> Delivery:
    """Create the delivery of an assignment to an endpoint; acknowledged if the department has already answered."""
    is_pushed = endpoint.kind == "webhook" and answer is None
    return Delivery(
        id=delivery_id(assignment.event_id, endpoint.id),
        event_id=assignment.event_id,
        report_id=assignment.report_id,
        opd=assignment.opd,
        lane=lane,
        mode=assignment.mode,
        role=assignment.role,
        category=assignment.category,
        level=1,
        endpoint_id=endpoint.id,
        endpoint_opd=endpoint.opd,
        endpoint_kind=endpoint.kind,
        url=endpoint.url,
        state=DeliveryState.PENDING if answer is None else DeliveryState.ACKNOWLEDGED,
        fresh=True,
        attempt=0,
        due_at=due_at if is_pushed else None,
        created_at=now,
        received_at=assignment.received_at.timestamp(),
        acknowledge_by=assignment.acknowledge_by.timestamp() if assignment.acknowledge_by else None,
        traceparent=assignment.traceparent,
        acknowledged_at=answer.at if answer else None,
        acknowledged_by=answer.by if answer else None,
        acknowledged_via=answer.via if answer else None,
    )


def fact_of(delivery: Delivery, kind: str, *, at: float, **details: Any) -> OutgoingRecord:
    """The lifecycle record of a fact: ``delivered``, ``failed``, ``acknowledged`` or ``exhausted``.

    An acknowledgement happens once; the other kinds are numbered by the attempt. ``details`` are fields of
    `DeliveryChanged`. It contains no data of the reporter.
    """
    ordinal = 0 if kind == "acknowledged" else delivery.attempt
    moment = datetime.fromtimestamp(at, UTC)
    event = DeliveryChanged(
        delivery_id=delivery.id,
        report_id=delivery.report_id,
        opd=delivery.opd,
        lane=delivery.lane,
        mode=delivery.mode,
        role=delivery.role,
        endpoint=delivery.endpoint_id,
        endpoint_kind=delivery.endpoint_kind,
        attempt=delivery.attempt,
        level=delivery.level,
        since_received_ms=max(0.0, (at - delivery.received_at) * 1000),
        at=moment,
        **details,
    )
    extensions = {
        "lane": delivery.lane.value,
        "opd": delivery.opd,
        "mode": delivery.mode,
        "category": delivery.category,
    }
    attributes = Attributes(
        id=str(event_id(delivery.id, f"delivery.{kind}", delivery.endpoint_id, ordinal)),
        type=_TYPES[kind],
        source="/laksa/notifier",
        subject=str(delivery.report_id),
        time=moment,
        extensions={name: value for name, value in extensions.items() if value is not None},
        traceparent=child_of(delivery.traceparent),
        correlation_id=str(delivery.report_id),
    )
    return record_of(topics.LIFECYCLE, attributes, event)


def acknowledged_fact(delivery: Delivery, answer: Acknowledgement) -> OutgoingRecord:
    """The lifecycle record of an acknowledgement."""
    return fact_of(
        delivery,
        "acknowledged",
        at=answer.at,
        state=DeliveryState.ACKNOWLEDGED,
        acknowledged_by=answer.by,
        acknowledged_via=answer.via,
    )
