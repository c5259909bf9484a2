"""One golden record per event type fixes headers and body on the topics, byte for byte."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from prometheus_client import CollectorRegistry

from services.router.metrics import RouterMetrics
from services.router.routing import Routing
from services.router.routing_table import PACKAGED, load_routing_table
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events.catalogue import MODELS, SUBMITTED, UNREADABLE
from shared.events.envelope import TYPE_PREFIX, attributes_of, headers_of
from shared.events.models import ReportSubmitted
from shared.events.outgoing import OutgoingRecord, record_of
from shared.messaging.received import Record, event_parser
from tests.support.builders.records import consumer_record

GOLDEN = {
    path.stem: json.loads(path.read_text()) for path in (Path(__file__).parents[1] / "data/golden").glob("*.json")
}
TYPED = sorted(GOLDEN.keys() - {"report.unreadable.v1"})
KEPT_FOR_EVER = sorted(kind for kind, golden in GOLDEN.items() if golden["topic"] == "lifecycle.v1")


def _value(golden: dict[str, Any]) -> bytes:
    if "raw" in golden:
        return str(golden["raw"]).encode()
    return json.dumps(golden["value"], ensure_ascii=False, separators=(",", ":")).encode()


def _record(golden: dict[str, Any]) -> Record:
    headers = [(name, value.encode()) for name, value in golden["headers"].items()]
    return consumer_record(_value(golden), headers, topic=golden["topic"], key=golden["key"].encode())


def test_every_event_type_has_a_golden_record() -> None:
    """The golden records are exactly the event types of the catalogue."""
    assert GOLDEN.keys() == {name.removeprefix(TYPE_PREFIX) for name in {*MODELS, UNREADABLE}}


@pytest.mark.parametrize("kind", TYPED)
def test_reading_and_writing_a_golden_record_changes_nothing(kind: str) -> None:
    """Reading and writing a golden record keeps header and field names, their order, and the formats of times."""
    golden = GOLDEN[kind]

    received = event_parser(MODELS)(_record(golden))
    written = record_of(golden["topic"], received.attributes, received.event)

    assert [(name, value.decode()) for name, value in written.headers] == list(golden["headers"].items())
    assert written.value == _value(golden)
    assert written.key.decode() == golden["key"]


@pytest.mark.parametrize("kind", TYPED)
def test_a_newer_producer_breaks_no_consumer(kind: str) -> None:
    """A consumer ignores unknown fields, codes and headers of a newer producer."""
    golden = GOLDEN[kind]
    newer = golden | {
        "value": golden["value"] | {"novel": {"deep": [1]}},
        "headers": golden["headers"] | {"ce_novel": "1", "x-other": "y"},
    }

    assert event_parser(MODELS)(_record(newer)).event == event_parser(MODELS)(_record(golden)).event


@pytest.mark.parametrize("kind", sorted(GOLDEN))
def test_the_cloudevents_sdk_reads_the_same(kind: str) -> None:
    """The CloudEvents SDK reads a valid CloudEvent with the same attributes."""
    record = _record(GOLDEN[kind])

    event = from_binary_event(KafkaMessage(dict(record.headers), record.key, record.value or b""))

    ours = attributes_of(GOLDEN[kind]["headers"])
    assert event.get_specversion() == "1.0"
    assert (event.get_id(), event.get_type(), event.get_source()) == (ours.id, ours.type, ours.source)
    assert (event.get_subject(), event.get_time()) == (ours.subject, ours.time)
    assert event.get_datacontenttype() == ours.content_type
    assert {name: event.get_extension(name) for name in ours.extensions} == ours.extensions


@pytest.mark.parametrize("kind", KEPT_FOR_EVER)
def test_what_is_kept_for_ever_tells_of_nobody(kind: str) -> None:
    """No lifecycle fact has the reporter, text, landmark, exact place or reference of the golden report."""
    report = GOLDEN["report.submitted.v1"]["value"]
    canaries = [
        report["text"],
        *report["reporter"].values(),
        report["place"]["landmark"],
        str(report["place"]["latitude"]),
        str(report["place"]["longitude"]),
        report["source_reference"],
        report["call"]["operator"],
    ]

    published = json.dumps(GOLDEN[kind], ensure_ascii=False)
    assert [canary for canary in canaries if canary and canary in published] == []


async def test_the_router_writes_the_golden_records() -> None:
    """The router turns the golden report into the golden assignment and the golden decision."""
    now = datetime(2026, 11, 20, 3, tzinfo=UTC) + timedelta(milliseconds=180)
    table = load_routing_table(PACKAGED, default_taxonomy())
    metrics = RouterMetrics(CollectorRegistry(), Lane.EMERGENCY)
    received = event_parser({SUBMITTED: ReportSubmitted})(_record(GOLDEN["report.submitted.v1"]))

    records = await Routing(table, Lane.EMERGENCY, metrics, now=lambda: now).route_reports([received])

    assert _described(records[0]) == _without_span(GOLDEN["report.assigned.v1"])
    assert _described(records[-1]) == _without_span(GOLDEN["report.routed.v1"])


def _described(record: OutgoingRecord) -> dict[str, Any]:
    headers = {name: value.decode() for name, value in record.headers}
    written = {"topic": record.topic, "key": record.key.decode(), "headers": headers, "value": json.loads(record.value)}
    return _without_span(written)


def _without_span(golden: dict[str, Any]) -> dict[str, Any]:
    version, trace, _span, flags = golden["headers"]["traceparent"].split("-")
    return golden | {"headers": golden["headers"] | {"traceparent": f"{version}-{trace}-*-{flags}"}}


def test_headers_are_text_in_a_stable_order() -> None:
    """Attributes are unchanged after a round trip through the headers, whose order is stable."""
    golden = GOLDEN["report.assigned.v1"]["headers"]

    assert dict(headers_of(attributes_of(golden))) == {name: value.encode() for name, value in golden.items()}
