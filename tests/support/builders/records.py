"""Kafka records and events for tests, with defaults."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from aiokafka import ConsumerRecord

from shared.domain.identity import submitted_event_id, ticket_number
from shared.events.catalogue import SUBMITTED
from shared.events.envelope import Attributes, Headers, headers_of
from shared.events.models import Call, ReportSubmitted
from shared.events.outgoing import OutgoingRecord
from shared.messaging.received import Received, event_parser

NAMESPACE = UUID("b9a3f2a4-7c5e-4a55-8b1e-0d7c7e1f2a11")
RECEIVED_AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def consumer_record(
    value: bytes | None,
    headers: Iterable[tuple[str, Any]] = (),
    *,
    topic: str = "reports.routine.v1",
    partition: int = 0,
    offset: int = 0,
    key: bytes | None = b"key",
    timestamp: int = int(RECEIVED_AT.timestamp() * 1000),
) -> ConsumerRecord[Any, Any]:
    """A record as aiokafka returns it."""
    return ConsumerRecord(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=timestamp,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(value or b""),
        headers=tuple(headers),
    )


def submitted(number: int = 1, *, call_type: str | None = None, **changes: Any) -> ReportSubmitted:
    """A report as intake publishes it; equal numbers give equal reports."""
    report_id = uuid5(NAMESPACE, str(number))
    fields: dict[str, Any] = {
        "report_id": report_id,
        "ticket": ticket_number(report_id),
        "channel": "laksa" if call_type is None else "112",
        "lane": "routine",
        "category": "INF-PJU",
        "text": "Lampu jalan padam",
        "received_at": RECEIVED_AT,
        "call": Call(call_type=call_type) if call_type is not None else None,
    }
    return ReportSubmitted(**(fields | changes))


def submitted_headers(report: ReportSubmitted) -> Headers:
    """The headers that intake puts on a report."""
    return headers_of(
        Attributes(
            id=str(submitted_event_id(report.report_id, report.model_dump_json().encode())),
            type=SUBMITTED,
            source="/laksa/intake",
            subject=str(report.report_id),
            time=report.received_at,
            extensions={"lane": report.lane, "mode": report.mode},
            traceparent=TRACEPARENT,
            correlation_id=str(report.report_id),
        )
    )


def submitted_record(report: ReportSubmitted, **place: Any) -> ConsumerRecord[Any, Any]:
    """A report's record on its topic."""
    return consumer_record(
        report.model_dump_json().encode(),
        submitted_headers(report),
        **{"topic": f"reports.{report.lane}.v1", "key": str(report.report_id).encode()} | place,
    )


def submitted_outgoing(report: ReportSubmitted) -> OutgoingRecord:
    """A report's outgoing record, as intake sends it."""
    return OutgoingRecord(
        topic=f"reports.{report.lane}.v1",
        key=str(report.report_id).encode(),
        value=report.model_dump_json().encode(),
        headers=submitted_headers(report),
    )


def received(report: ReportSubmitted) -> Received[ReportSubmitted]:
    """A report as a handler gets it."""
    return event_parser({SUBMITTED: ReportSubmitted})(submitted_record(report))
