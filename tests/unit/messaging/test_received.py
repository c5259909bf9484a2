"""A record is parsed into a typed event or an error with a code."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import (
    InvalidEvent,
    MissingAttribute,
    PermanentError,
    UnknownEventType,
    UnreadableBody,
    UnsupportedVersion,
)
from shared.events.catalogue import REGISTERED, SUBMITTED
from shared.events.models import ReportSubmitted
from shared.messaging.received import event_parser
from tests.support.builders.records import consumer_record, submitted, submitted_headers

parse = event_parser({SUBMITTED: ReportSubmitted})
REPORT = submitted()
BODY = REPORT.model_dump_json().encode()
HEADERS = dict(submitted_headers(REPORT))


def test_a_good_record_is_a_typed_event_with_its_bytes() -> None:
    """Parsing returns the attributes, the event and the unchanged body."""
    received = parse(consumer_record(BODY, HEADERS.items()))

    assert received.event == REPORT
    assert received.body == BODY
    assert received.attributes.type == SUBMITTED


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", UnreadableBody),
        (None, UnreadableBody),
        (b"{", UnreadableBody),
        (b"\xff\xfe", UnreadableBody),
        (b'{"a": NaN}', UnreadableBody),
        (b"[" * 100_000, UnreadableBody),
        (b"null", InvalidEvent),
        (b"{}", InvalidEvent),
        (b"[]", InvalidEvent),
        (BODY.replace(b'"report_id":"', b'"report_id":"x'), InvalidEvent),
    ],
)
def test_what_is_wrong_with_a_body_is_told_apart(body: bytes | None, error: type[PermanentError]) -> None:
    """Invalid JSON and JSON of the wrong shape have different error codes."""
    with pytest.raises(error):
        parse(consumer_record(body, HEADERS.items()))


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_source", "ce_specversion"])
@pytest.mark.parametrize("value", [None, b"", b"\xff"])
def test_an_attribute_that_is_missing_or_no_text_is_a_reason(name: str, value: bytes | None) -> None:
    """A required attribute that is null, empty or binary is missing."""
    with pytest.raises(MissingAttribute):
        parse(consumer_record(BODY, (HEADERS | {name: value}).items()))


def test_a_record_without_headers_is_no_event() -> None:
    """A record without headers is refused, because it has no id for deduplication."""
    with pytest.raises(MissingAttribute):
        parse(consumer_record(BODY))


def test_another_cloudevents_version_is_not_read() -> None:
    """Another version of CloudEvents is refused, because its attributes may have another meaning."""
    with pytest.raises(UnsupportedVersion):
        parse(consumer_record(BODY, (HEADERS | {"ce_specversion": b"2.0"}).items()))


def test_another_event_type_is_not_read() -> None:
    """An unknown event type, such as version 2 of an event, has its own error code."""
    for other in (REGISTERED, SUBMITTED.replace(".v1", ".v2")):
        with pytest.raises(UnknownEventType):
            parse(consumer_record(BODY, (HEADERS | {"ce_type": other.encode()}).items()))


@pytest.mark.parametrize("value", [None, b"\xff", b"yesterday"])
def test_optional_headers_cost_no_event(value: bytes | None) -> None:
    """An invalid trace, time or unknown header is ignored."""
    spoilt = HEADERS | {"ce_time": value, "traceparent": value, "x-foreign": value}

    assert parse(consumer_record(BODY, spoilt.items())).event == REPORT


@given(
    st.none() | st.binary(max_size=200),
    st.lists(st.tuples(st.sampled_from(sorted(HEADERS)) | st.text(max_size=5), st.none() | st.binary(max_size=30))),
)
def test_any_record_is_read_or_refused_for_good(body: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
    """For any input the parser raises only permanent errors, so that no record can block a partition."""
    with contextlib.suppress(PermanentError):
        parse(consumer_record(body, headers))
