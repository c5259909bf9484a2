"""Parsing a department's topic: the pushed data, and the handling of unreadable records."""

import base64
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord

from services.notifier.assignment import Assignment, assignment_parser, unreadable_fallback
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.errors import InvalidEvent, MissingAttribute, PermanentError, UnknownEventType, UnreadableBody
from shared.events import topics
from shared.events.catalogue import SUBMITTED, UNREADABLE
from shared.events.models import ReportSubmitted
from tests.support.builders.assignments import assigned, assigned_record, report
from tests.support.builders.records import consumer_record

SUPERVISOR = topics.opd("LIVEROOM", Lane.EMERGENCY)


def parse(one: ConsumerRecord, lane: Lane = Lane.EMERGENCY) -> Assignment:
    """Parse a record as the lane's notifier does."""
    return assignment_parser(lane, default_taxonomy(), stats_url="http://stats.test")(one)


def spoilt(value: bytes | None = None, **headers: Any) -> ConsumerRecord:
    """A valid record with another body or other headers."""
    good = assigned_record(report())
    kept = [(name, text) for name, text in good.headers if name not in headers]
    changed = [(name, text) for name, text in headers.items() if text is not None]
    body = good.value if value is None else value
    return consumer_record(body, [*kept, *changed], topic=good.topic, key=good.key)


def test_an_emergency_keeps_fields_that_we_do_not_know() -> None:
    """A field that this notifier does not know is still pushed."""
    body = orjson.loads(report().model_dump_json()) | {"caller_language": "su"}
    assert orjson.loads(parse(spoilt(orjson.dumps(body))).data)["caller_language"] == "su"


def test_the_topic_says_whose_it_is() -> None:
    """The topic decides the department, not the header."""
    assignment = parse(spoilt(ce_opd=b"DLH"))
    assert assignment.opd == "BPBD"
    assert orjson.loads(assignment.data)["opd"] == "BPBD"


@pytest.mark.parametrize(("category", "seconds"), [("FIR-KEBAKARAN", 60), ("ANI-ULAR", 900), ("NEW-CODE", 60)])
def test_the_clock_is_the_categorys(category: str, seconds: int) -> None:
    """The acknowledge deadline follows the category's priority; an unknown emergency counts as P1."""
    assignment = assigned(report(category=category))
    assert assignment.acknowledge_by is not None
    assert (assignment.acknowledge_by - assignment.received_at).total_seconds() == seconds


@pytest.mark.parametrize(("role", "kept"), [("owner", "owner"), ("informed", "informed"), ("\x00?", "owner")])
def test_a_role_is_one_of_two(role: str, kept: str) -> None:
    """Every role except ``informed`` counts as owner."""
    assert assigned(report(), role=role).role == kept


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (spoilt(b"{"), UnreadableBody),
        (spoilt(b""), UnreadableBody),
        (spoilt(b"\xff\xfe"), UnreadableBody),
        (spoilt(b"[1]"), InvalidEvent),
        (spoilt(b'{"report_id": 5}'), InvalidEvent),
        (spoilt(ce_id=None), MissingAttribute),
        (spoilt(ce_id=b"\xff"), MissingAttribute),
        (spoilt(ce_id=b"a\x00b"), MissingAttribute),
        (spoilt(ce_type=SUBMITTED.encode()), UnknownEventType),
    ],
)
def test_what_cannot_be_read_says_why(bad: ConsumerRecord, error: type[PermanentError]) -> None:
    """Each kind of bad record is a permanent error with its own code (class 15)."""
    with pytest.raises(error):
        parse(bad)


def test_raw_bytes_reach_the_supervisor_whole_and_safe() -> None:
    """The push contains the bytes as base64 and a printable text."""
    raw = b"\xff\x00\x1b[2Jtolong!"
    [passed_on] = unreadable_fallback(spoilt(raw), UnreadableBody("no"))
    assert passed_on.topic == SUPERVISOR
    assert passed_on.value == raw
    assignment = parse(consumer_record(passed_on.value, passed_on.headers, topic=passed_on.topic, key=passed_on.key))
    data = orjson.loads(assignment.data)
    assert assignment.kind == "report.unreadable"
    assert (assignment.opd, assignment.role, assignment.mode) == ("LIVEROOM", "owner", "live")
    assert str(assignment.report_id) == str(report().report_id)
    assert base64.b64decode(data["body_base64"]) == raw
    assert data["text"] == "\ufffd[2Jtolong!"
    assert data["why"] == "unreadable_body"


def test_a_fallback_record_has_no_fallback_again() -> None:
    """A record from the supervisor's own topic is only dead-lettered, which prevents a loop."""
    [passed_on] = unreadable_fallback(spoilt(b"{"), UnreadableBody("no"))
    again = consumer_record(passed_on.value, passed_on.headers, topic=passed_on.topic)
    assert unreadable_fallback(again, RuntimeError("bug")) == []


def test_the_same_bad_record_has_a_fallback_of_the_same_id() -> None:
    """The same bad record always gives the same event id."""
    first, second = (dict(unreadable_fallback(spoilt(b"{"), ValueError("bug"))[0].headers)["ce_id"] for _ in range(2))
    assert first == second


def test_an_unreadable_emergency_without_report_id_gets_one() -> None:
    """A derived, stable id is used if the record has none."""
    headers = [
        ("ce_id", b"x-1"),
        ("ce_type", UNREADABLE.encode()),
        ("ce_source", b"/laksa/router"),
        ("ce_specversion", b"1.0"),
        ("ce_subject", b"not an id"),
    ]
    first, second = (parse(consumer_record(b"?", headers, topic=SUPERVISOR)) for _ in range(2))
    assert first.report_id == second.report_id


def test_routine_pushes_are_cut_to_what_they_may_carry() -> None:
    """The thin body contains no personal data of any report."""
    body: ReportSubmitted = report(lane="routine", category="INF-PJU", text="rahasia", source_reference="rahasia")
    data = orjson.loads(parse(assigned_record(body, "DISHUB"), Lane.ROUTINE).data)
    assert set(data) == {"report_id", "ticket", "category", "place", "link", "mode", "opd", "role"}
    assert set(data["place"]) == {"kecamatan"}
    assert "rahasia" not in str(data)
