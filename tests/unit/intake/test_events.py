"""Intake's events: the full report for its lane, and no personal data for the counts."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.intake.case_transitions import next_transition
from services.intake.events import Receipt, report_records, status_records, unreadable_record
from services.intake.submissions import Submission
from services.intake.validation import read_call
from shared.domain.lanes import Channel, Lane, Mode
from shared.domain.taxonomy import default_taxonomy
from shared.events.envelope import attributes_of, text_headers
from shared.events.models import DepartmentAnswer, ReportRegistered, ReportStatusChanged, ReportSubmitted
from shared.events.outgoing import OutgoingRecord
from shared.observability.tracing import new_traceparent, trace_id_of

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
TRACE = new_traceparent()
CANARIES = ("Budi", "0812-CANARY", "budi@canary.id", "tolong-canary", "canary-ref", "op-canary", "6.178", "gang canary")
RECEIPT = Receipt(UUID(int=7), "LKS-1", "http://stats/v1/reports/7", Lane.EMERGENCY, ("category_unknown",))


@pytest.fixture
def call() -> Submission:
    """A call with a canary in every field of personal data or place."""
    body = {
        "category": "API-CANARY",
        "text": "tolong-canary",
        "call_type": "normal",
        "caller": {"name": "Budi", "phone": "0812-CANARY", "email": "budi@canary.id"},
        "place": {"latitude": -6.178, "longitude": 106.63, "kecamatan": "Karawaci", "landmark": "gang canary"},
        "source_reference": "canary-ref",
        "operator": "op-canary",
    }
    read = read_call(json.dumps(body).encode(), now=NOW, taxonomy=default_taxonomy())
    assert isinstance(read, Submission)
    return read


def tell(call: Submission) -> tuple[OutgoingRecord, OutgoingRecord]:
    """Both records of a call."""
    submitted, registered = report_records(call, RECEIPT, channel=Channel.CALL_112, received_at=NOW, traceparent=TRACE)
    return submitted, registered


def test_the_lane_gets_everything(call: Submission) -> None:
    """The lane's event carries every field."""
    record, _ = tell(call)
    event = ReportSubmitted.model_validate_json(record.value)
    assert (record.topic, record.key) == ("reports.emergency.v1", str(RECEIPT.report_id).encode())
    assert all(canary.encode() in record.value for canary in CANARIES)
    assert (event.category, event.flags, event.received_at) == ("API-CANARY", RECEIPT.flags, NOW)


def test_the_counts_get_nothing_about_a_person(call: Submission) -> None:
    """S4: no name, number, text, reference or exact place, in body or headers; nor a category that somebody typed."""
    _, record = tell(call)
    event = ReportRegistered.model_validate_json(record.value)
    everything = record.value + b"".join(value for _, value in record.headers)
    assert record.topic == "lifecycle.v1"
    assert not [canary for canary in (*CANARIES, "API-CANARY") if canary.encode() in everything]
    assert (event.category, event.kecamatan, event.call_type) == (None, "KARAWACI", "normal")
    assert event.occurred_at == event.received_at == NOW


def test_ids_are_derived_and_the_trace_goes_on(call: Submission) -> None:
    """The same body gives the same event ids; another body of the report gives others. The trace continues."""
    first, again = tell(call), tell(call)
    other = tell(replace(call, digest=b"other"))
    ids = [[attributes_of(text_headers(one.headers)).id for one in pair] for pair in (first, again, other)]
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])
    attributes = attributes_of(text_headers(first[0].headers))
    assert attributes.extensions == {"lane": "emergency", "mode": "live"}
    assert attributes.subject == attributes.correlation_id == str(RECEIPT.report_id)
    assert trace_id_of(attributes.traceparent) == trace_id_of(TRACE)


def test_an_answer_reaches_the_counts_without_note_and_name() -> None:
    """The notifier's event has note and name; the lifecycle fact has only the department."""
    answer = DepartmentAnswer(
        report_id=UUID(int=7), status="acknowledged", by="Rina", at=NOW, seq=1, note="gang canary"
    )
    step = next_transition({}, "DISHUB", answer, now=NOW)
    update, fact = status_records(answer, "DISHUB", step, lane=Lane.ROUTINE, mode=Mode.LIVE, traceparent=TRACE)
    told = ReportStatusChanged.model_validate_json(update.value)
    counted = ReportStatusChanged.model_validate_json(fact.value)
    assert (update.topic, told.by, told.note) == ("reports.updates.v1", "Rina", "gang canary")
    assert (fact.topic, counted.by, counted.note) == ("lifecycle.v1", "DISHUB", None)
    assert dict(update.headers)["ce_id"] == dict(fact.headers)["ce_id"]


def test_an_unreadable_call_keeps_its_bytes() -> None:
    """Class 1: raw, at most 128 KiB, and not called JSON."""
    record = unreadable_record(b"\xff" * 140_000, identity=UUID(int=9), received_at=NOW, traceparent=TRACE)
    assert (record.topic, record.value) == ("reports.emergency.v1", b"\xff" * 131_072)
    assert dict(record.headers)["content-type"] == b"application/octet-stream"
