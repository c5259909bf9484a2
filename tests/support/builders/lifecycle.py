"""Lifecycle facts for tests, as the other services publish them, with defaults."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from services.cli.reference.synthetic_reports import backfill_calls_2024
from shared.domain.identity import ticket_number
from shared.domain.lanes import CallType, Channel, Mode, lane_of
from shared.domain.taxonomy import default_taxonomy
from shared.events import catalogue, topics
from shared.events.envelope import TYPE_PREFIX, Attributes
from shared.events.models import (
    DecisionInputs,
    DeliveryChanged,
    Event,
    ReportDecided,
    ReportRegistered,
    ReportStatusChanged,
    Target,
)
from shared.messaging.received import Received

NAMESPACE = UUID("0f3d5a34-6a43-4c5c-9a55-8f7c6f0b7a11")
START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # 10:00 in Jakarta
EARLIER = START - timedelta(minutes=1)


def report_id(number: int) -> UUID:
    """The id of the test's n-th report."""
    return uuid5(NAMESPACE, str(number))


def received(kind: str, event: Any, *parts: object) -> Received[Event]:
    """The event as a consumer gets it; its id follows from the kind, the report and the given parts."""
    event_id = uuid5(NAMESPACE, "|".join(str(part) for part in (kind, event.report_id, *parts)))
    attributes = Attributes(
        id=str(event_id), type=kind, source="/laksa/test", subject=str(event.report_id), time=datetime.now(UTC)
    )
    return Received(attributes, event, event.model_dump_json().encode(), topics.LIFECYCLE)


def registered(number: int = 0, **fields: Any) -> Received[Event]:
    """``report.registered`` of the n-th report: by default a street lamp from the app."""
    moment = START + timedelta(minutes=number)
    values: dict[str, Any] = {
        "report_id": report_id(number),
        "ticket": ticket_number(report_id(number)),
        "channel": "laksa",
        "lane": "routine",
        "category": "INF-PJU",
        "kecamatan": "CIPONDOH",
        "occurred_at": moment,
        "received_at": moment,
    }
    return received(catalogue.REGISTERED, ReportRegistered(**values | fields))


def decided(
    number: int = 0, outcome: str = "routed", owner: str | None = "DISHUB", informed: Sequence[str] = (), **fields: Any
) -> Received[Event]:
    """The router's decision on the n-th report: by default routed to DISHUB."""
    moment = START + timedelta(minutes=number, seconds=1)
    targets = [Target(opd=owner, role="owner")] if owner else []
    values: dict[str, Any] = {
        "report_id": report_id(number),
        "lane": "routine",
        "outcome": outcome,
        "targets": (*targets, *(Target(opd=opd, role="informed") for opd in informed)),
        "rule": "taxonomy",
        "table_version": "2024-01-01",
        "inputs": DecisionInputs(channel="laksa", category="INF-PJU", received_at=moment),
        "why": "The taxonomy names this owner",
        "decided_at": moment,
    }
    return received(catalogue.DECISIONS[outcome], ReportDecided(**values | fields), values["decided_at"])


def status_changed(number: int = 0, to: str = "in_progress", *, opd: str = "DISHUB", seq: int = 1) -> Received[Event]:
    """A department's update of the n-th report."""
    moment = START + timedelta(minutes=number, hours=seq)
    event = ReportStatusChanged(
        report_id=report_id(number),
        opd=opd,
        lane="routine",
        from_status="routed",
        to_status=to,
        by=f"Petugas {opd}",
        at=moment,
        recorded_at=moment,
        seq=seq,
    )
    return received(catalogue.STATUS_CHANGED, event, opd, seq, to)


def delivery(
    number: int = 0, state: str = "delivered", *, opd: str = "DISHUB", attempt: int = 1, **fields: Any
) -> Received[Event]:
    """One change of the delivery of the n-th report to the only endpoint of that OPD."""
    values: dict[str, Any] = {
        "delivery_id": uuid5(report_id(number), opd),
        "report_id": report_id(number),
        "opd": opd,
        "lane": "routine",
        "role": "owner",
        "endpoint": f"{opd.lower()}-callcentre",
        "endpoint_kind": "webhook",
        "state": state,
        "attempt": attempt,
        "at": START + timedelta(minutes=number, seconds=2 + attempt),
    }
    kind = f"{TYPE_PREFIX}delivery.{state}.v1"
    return received(kind, DeliveryChanged(**values | fields), opd, attempt, fields.get("level", 1))


def closed_by_person(number: int = 0) -> Received[Event]:
    """A delivery that a person closed without the department's acknowledgement."""
    event = delivery(number, "acknowledged").event
    closed = DeliveryChanged.model_validate(event.model_dump() | {"state": "closed_by_person"})
    return received(catalogue.DELIVERY_ACKNOWLEDGED, closed, "closed")


def event_of(kind: str) -> Event:
    """Any event of this type."""
    examples = (registered().event, decided().event, status_changed().event, delivery().event)
    return next(example for example in examples if isinstance(example, catalogue.MODELS[kind]))


def calls_of_2024() -> list[Received[Event]]:
    """The facts of the 376 synthetic calls of January-July 2024: registered and routed, as backfill."""
    return [fact for number, request in enumerate(backfill_calls_2024()) for fact in _call_facts(number, request.body)]


def _call_facts(number: int, body: dict[str, Any]) -> list[Received[Event]]:
    category = default_taxonomy().categories[body["category"]]
    call_type = CallType(body["call_type"])
    lane = lane_of(channel=Channel.CALL_112, category=category, call_type=call_type, mode=Mode.BACKFILL)
    return [
        registered(
            number,
            channel="112",
            lane=lane,
            mode=Mode.BACKFILL,
            category=category.code,
            call_type=call_type,
            kecamatan=body["place"]["kecamatan"],
            occurred_at=datetime.fromisoformat(body["occurred_at"]),
        ),
        decided(number, owner=category.opd, informed=category.also, mode=Mode.BACKFILL),
    ]
