"""Synthetic reports, as records on Kafka and as request bodies of a channel."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from services.cli.reference.synthetic_texts import NAMES, STREETS
from shared.domain.identity import submitted_event_id, ticket_number
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.events.catalogue import SUBMITTED
from shared.events.envelope import Attributes, headers_of
from shared.events.models import Place, Reporter, ReportSubmitted
from shared.events.outgoing import OutgoingRecord
from shared.observability.tracing import child_of

# Each has one department, so that a report gives exactly two records: the assigned report and the decision.
CATEGORIES = ("INF-PJU", "INF-JALAN", "ENV-SAMPAH", "ADM-DUKCAPIL", "SOC-BANTUAN", "WAT-PDAM", "TRA-LALIN", "INF-LAIN")


def report_body(number: int) -> dict[str, Any]:
    """Return a body for ``/v1/reports``; no two calls return the same report."""
    kecamatan = sorted(default_taxonomy().kecamatan)
    return {
        "category": CATEGORIES[number % len(CATEGORIES)],
        "text": f"Mohon segera ditangani, sudah dua minggu begini, di {STREETS[number % len(STREETS)]} no. {number}",
        "source_reference": uuid4().hex,
        "place": {
            "latitude": -6.1783 + number % 100 / 10_000,
            "longitude": 106.6319 + number % 70 / 10_000,
            "kecamatan": kecamatan[number % len(kecamatan)],
            "landmark": "dekat pasar, seberang sekolah",
        },
        "reporter": {"name": NAMES[number % len(NAMES)], "phone": f"+6281200{number % 1_000_000:06d}"},
    }


def call_body(number: int) -> dict[str, Any]:
    """Return a body for ``/v1/calls``: an emergency of one department."""
    return {**report_body(number), "category": "MED-AMBULANS", "call_type": "normal"}


def routine_records(count: int) -> Iterator[OutgoingRecord]:
    """Yield different reports as intake publishes them."""
    for number in range(count):
        yield _routine_record(number)


def _routine_record(number: int) -> OutgoingRecord:
    asked = report_body(number)
    report_id = uuid4()
    now = datetime.now(UTC)
    report = ReportSubmitted(
        report_id=report_id,
        ticket=ticket_number(report_id),
        channel="laksa",
        lane=Lane.ROUTINE,
        category=asked["category"],
        text=asked["text"],
        place=Place(**asked["place"]),
        reporter=Reporter(**asked["reporter"]),
        source_reference=asked["source_reference"],
        occurred_at=now,
        received_at=now,
    )
    value = report.model_dump_json().encode()
    attributes = Attributes(
        id=str(submitted_event_id(report_id, hashlib.sha256(value).digest())),
        type=SUBMITTED,
        source="/laksa/intake",
        subject=str(report_id),
        time=now,
        extensions={"lane": Lane.ROUTINE, "mode": "live", "category": asked["category"]},
        traceparent=child_of(None),
        correlation_id=str(report_id),
    )
    return OutgoingRecord(topics.reports(Lane.ROUTINE), str(report_id).encode(), value, headers_of(attributes))
