"""Records of the departments' topics: an assigned report, or the raw bytes of an unreadable emergency."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from shared.domain.clocks import acknowledge_by
from shared.domain.identity import event_id
from shared.domain.lanes import Lane, Mode
from shared.domain.roles import INFORMED, OWNER
from shared.domain.taxonomy import TRIAGE_OPD, Priority, Taxonomy
from shared.domain.texts import has_controls, strip_controls
from shared.errors import MissingAttribute, PermanentError
from shared.events import topics
from shared.events.catalogue import ASSIGNED, UNREADABLE
from shared.events.envelope import TYPE_PREFIX, Attributes, attributes_of, text_headers
from shared.events.models import ReportSubmitted, utc_text
from shared.events.outgoing import OutgoingRecord
from shared.events.unreadable import MAX_RAW_BYTES, Unreadable
from shared.messaging.received import Received, Record, event_parser
from shared.observability.tracing import child_of


@dataclass(frozen=True, slots=True)
class Assignment:
    """A report, or the raw bytes of one, that must be delivered to a department.

    ``data`` is the ``data`` member of the pushed body as JSON, already reduced to what the lane may carry.
    ``acknowledge_by`` is None for an informed department, which has no clock.
    """

    event_id: str
    report_id: UUID
    kind: str
    opd: str
    role: str
    mode: str
    category: str | None
    happened_at: datetime
    received_at: datetime
    acknowledge_by: datetime | None
    traceparent: str
    data: bytes


def assignment_parser(lane: Lane, taxonomy: Taxonomy, *, stats_url: str) -> Callable[[Record], Assignment]:
    """Make the parser for the departments' topics of a lane; it raises the errors of `event_parser`."""
    parse_report = event_parser({ASSIGNED: ReportSubmitted})

    def parse(record: Record) -> Assignment:
        attributes = attributes_of(text_headers(record.headers))
        if has_controls(attributes.id):
            raise MissingAttribute("The event id is not plain text")
        if attributes.type == UNREADABLE:
            return _unreadable(record, attributes)
        received = parse_report(record)
        data = _full_data(received) if lane is Lane.EMERGENCY else _thin_data(received, stats_url)
        return _assignment(received, lane, taxonomy, data)

    return parse


def unreadable_fallback(record: Record, error: Exception) -> list[OutgoingRecord]:
    """An unreadable record of the emergency lane is still an emergency: send its bytes to the supervisor.

    A record that comes from the supervisor's topic is not sent again: that would loop.
    """
    topic = topics.opd(TRIAGE_OPD, Lane.EMERGENCY)
    if record.topic == topic and text_headers(record.headers).get("ce_type") == UNREADABLE:
        return []
    unreadable = Unreadable(
        event_id=str(event_id(f"{record.topic}/{record.partition}/{record.offset}", "report.unreadable")),
        source="/laksa/notifier",
        subject=(record.key or b"").decode(errors="replace"),
        time=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        traceparent=child_of(None),
        extensions={"opd": TRIAGE_OPD, "role": OWNER, "why": _code(error)},
    )
    return [unreadable.record_on(topic, record.value)]


def _code(error: Exception) -> str:
    return error.code if isinstance(error, PermanentError) else "unclassified"


def _assignment(received: Received[ReportSubmitted], lane: Lane, taxonomy: Taxonomy, data: bytes) -> Assignment:
    attributes, report = received.attributes, received.event
    role = _role(received)
    category = taxonomy.category(report.category)
    priority = category.priority if category else _priority_of_unknown(lane)
    return Assignment(
        event_id=attributes.id,
        report_id=report.report_id,
        kind="report.assigned",
        opd=topics.opd_of(received.topic),
        role=role,
        mode=_mode(report),
        category=category.code if category else None,
        happened_at=attributes.time or report.received_at,
        received_at=report.received_at,
        acknowledge_by=acknowledge_by(priority, report.received_at) if role == OWNER else None,
        traceparent=child_of(attributes.traceparent),
        data=data,
    )


def _priority_of_unknown(lane: Lane) -> Priority:
    return Priority.P1 if lane is Lane.EMERGENCY else Priority.P3


def _full_data(received: Received[ReportSubmitted]) -> bytes:
    """The whole report including unknown fields, so that a dispatcher needs no second request."""
    try:
        report: dict[str, Any] = orjson.loads(received.body)
    except orjson.JSONDecodeError:  # pydantic accepts more than JSON, such as NaN in an ignored field
        report = received.event.model_dump(mode="json")
    return orjson.dumps(report | _addressee(received))


def _thin_data(received: Received[ReportSubmitted], stats_url: str) -> bytes:
    report = received.event
    thin: dict[str, Any] = {
        "report_id": str(report.report_id),
        "ticket": report.ticket,
        "category": report.category,
        "place": {"kecamatan": report.place.kecamatan if report.place else None},
        "link": f"{stats_url}/v1/reports/{report.report_id}",
        "mode": report.mode,
    }
    return orjson.dumps(thin | _addressee(received))


def _addressee(received: Received[ReportSubmitted]) -> dict[str, Any]:
    return {"opd": topics.opd_of(received.topic), "role": _role(received)}


def _role(received: Received[ReportSubmitted]) -> str:
    # every role but `informed` counts as owner: an extra clock is safer than a missing one
    return INFORMED if received.attributes.extensions.get("role") == INFORMED else OWNER


def _mode(report: ReportSubmitted) -> Mode:
    return Mode(report.mode) if report.mode in set(Mode) else Mode.LIVE


def _unreadable(record: Record, attributes: Attributes) -> Assignment:
    raw = (record.value or b"")[:MAX_RAW_BYTES]
    received_at = attributes.time or datetime.fromtimestamp(record.timestamp / 1000, UTC)
    report_id = _uuid_or_derived(attributes)
    text, _ = strip_controls(raw.decode(errors="replace"))
    data = {
        "report_id": str(report_id),
        "received_at": utc_text(received_at.astimezone(UTC)),
        "text": text,
        "body_base64": base64.b64encode(raw).decode(),
        "why": attributes.extensions.get("why"),
    }
    return Assignment(
        event_id=attributes.id,
        report_id=report_id,
        kind=UNREADABLE.removeprefix(TYPE_PREFIX).removesuffix(".v1"),
        opd=topics.opd_of(record.topic),
        role=OWNER,
        mode=Mode.LIVE,
        category=None,
        happened_at=received_at,
        received_at=received_at,
        acknowledge_by=acknowledge_by(Priority.P1, received_at),
        traceparent=child_of(attributes.traceparent),
        data=orjson.dumps(data),
    )


def _uuid_or_derived(attributes: Attributes) -> UUID:
    try:
        return UUID(attributes.subject)
    except ValueError:
        return event_id(attributes.id, "report.unreadable")
