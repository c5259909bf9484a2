"""Reports as departments receive them, with defaults."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid5

from aiokafka import ConsumerRecord

from services.notifier.assignment import Assignment, assignment_parser
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.events.catalogue import ASSIGNED
from shared.events.envelope import Attributes, headers_of
from shared.events.models import ReportStatusChanged, ReportSubmitted
from tests.support.builders.records import NAMESPACE, TRACEPARENT, consumer_record, submitted

STATS_URL = "http://stats.test"


def report(number: int = 0, **fields: Any) -> ReportSubmitted:
    """The n-th report: by default a fire, received now."""
    values: dict[str, Any] = {
        "channel": "112",
        "lane": "emergency",
        "category": "FIR-KEBAKARAN",
        "text": "Kebakaran di pasar",
        "place": {"latitude": -6.17, "longitude": 106.63, "kecamatan": "CIPONDOH", "landmark": "Pasar Lama"},
        "reporter": {"name": "Siti", "phone": "+628120000001"},
        "received_at": datetime.now(UTC),
    }
    return submitted(number, **values | fields)


def assigned_record(
    body: ReportSubmitted, opd: str = "BPBD", *, event: str = "", role: str = "owner"
) -> ConsumerRecord[Any, Any]:
    """The record of a report on a department's topic."""
    attributes = Attributes(
        id=event or str(uuid5(NAMESPACE, f"assigned-{body.report_id}-{opd}")),
        type=ASSIGNED,
        source="/laksa/router",
        subject=str(body.report_id),
        time=body.received_at,
        extensions={"lane": body.lane, "opd": opd, "mode": body.mode, "role": role, "rule": "r", "table": "1"},
        traceparent=TRACEPARENT,
        correlation_id=str(body.report_id),
    )
    return consumer_record(
        body.model_dump_json().encode(),
        headers_of(attributes),
        topic=topics.opd(opd, Lane(body.lane)),
        key=str(body.report_id).encode(),
    )


def assigned(body: ReportSubmitted, opd: str = "BPBD", *, event: str = "", role: str = "owner") -> Assignment:
    """A report as the notifier reads it from a department's topic."""
    parse = assignment_parser(Lane(body.lane), default_taxonomy(), stats_url=STATS_URL)
    return parse(assigned_record(body, opd, event=event, role=role))


def status_changed(body: ReportSubmitted, opd: str = "BPBD", status: str = "acknowledged") -> ReportStatusChanged:
    """A department's update of a report."""
    now = datetime.now(UTC)
    return ReportStatusChanged(
        report_id=body.report_id,
        opd=opd,
        lane=body.lane,
        from_status="routed",
        to_status=status,
        by="Budi",
        at=now,
        recorded_at=now,
        seq=1,
    )
