"""``report.unreadable``, which intake, router and notifier build in one place with one size limit."""

from datetime import UTC, datetime

import pytest

from services.intake.events import unreadable_record
from services.notifier.assignment import unreadable_fallback
from shared.domain.identity import event_id
from shared.domain.lanes import Lane
from shared.errors import UnreadableBody
from shared.events.catalogue import UNREADABLE
from shared.events.outgoing import OutgoingRecord
from shared.events.unreadable import MAX_RAW_BYTES, Unreadable
from shared.messaging.producer import MAX_REQUEST_BYTES
from tests.support.builders.records import consumer_record
from tests.support.kafka.producer import headers

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
BODY = b"x" * 1_000_000


def _build(subject: str = "7", body: bytes | None = BODY) -> OutgoingRecord:
    unreadable = Unreadable("id", "/laksa/test", subject, NOW, "00-1-2-01", {"why": "a test"})
    return unreadable.record_on("reports.emergency.v1", body)


def _from_intake() -> OutgoingRecord:
    return unreadable_record(BODY, identity=event_id("x", "y"), received_at=NOW, traceparent=None)


def _from_notifier() -> OutgoingRecord:
    record = consumer_record(BODY, topic="opd.bpbd.emergency.v1", key=b"k" * 200_000)
    (outgoing,) = unreadable_fallback(record, UnreadableBody("no"))
    return outgoing


@pytest.mark.parametrize("outgoing", [_build(), _from_intake(), _from_notifier()], ids=["event", "intake", "notifier"])
def test_a_long_body_is_cut_to_what_a_dead_letter_keeps(outgoing: OutgoingRecord) -> None:
    """128 KiB, whoever builds it: half of a request to Kafka, so that it can always be written, with any key."""
    assert MAX_RAW_BYTES == 128 * 1024
    assert outgoing.value == BODY[:MAX_RAW_BYTES]
    assert len(outgoing.key) + len(outgoing.value) < MAX_REQUEST_BYTES


def test_it_says_what_it_is_and_is_not_called_json() -> None:
    """Broken bytes that are called JSON would stop consumers."""
    said = headers(_build())

    assert (said["ce_type"], said["ce_lane"], said["ce_why"]) == (UNREADABLE, Lane.EMERGENCY, "a test")
    assert (said["ce_subject"], said["correlation_id"]) == ("7", "7")
    assert said["content-type"] == "application/octet-stream"


def test_a_tombstone_has_an_empty_body() -> None:
    """Even a record without a value reaches a person."""
    assert _build(body=None).value == b""
