"""The strict policy: a citizen report is accepted unchanged, or refused with its faulty fields."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.submissions import Submission
from services.intake.validation import Rejected, read_report
from shared.domain.lanes import Channel, Lane, Mode
from shared.domain.taxonomy import default_taxonomy
from shared.events.models import Place, Reporter

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CITY = {"latitude": -6.178, "longitude": 106.63}


def read(**fields: Any) -> Submission | Rejected:
    """Read a report with these fields, and a default text."""
    return read_raw(json.dumps({"text": "Lampu jalan padam", **fields}).encode())


def read_raw(body: bytes) -> Submission | Rejected:
    """Read these bytes as a report."""
    return read_report(body, now=NOW, taxonomy=default_taxonomy())


def faults(result: Submission | Rejected) -> set[tuple[str, str]]:
    """The faults as shown to the client."""
    assert isinstance(result, Rejected)
    return {(fault.dotted, fault.code) for fault in result.faults}


def test_a_full_report_is_understood() -> None:
    """Every field is converted to domain values, times to UTC, and nothing is flagged."""
    result = read(
        category="INF-PJU",
        place={**CITY, "kecamatan": "Karang Tengah", "kelurahan": "Pedurenan", "landmark": "depan pasar"},
        reporter={"name": "Siti", "phone": "+62 812", "email": "siti@contoh.id"},
        source_reference="A-1",
        occurred_at="2026-11-24T09:00:00+07:00",
    )
    assert isinstance(result, Submission)
    assert result.category is not None
    assert result.category.code == "INF-PJU"
    assert result.place == Place(**CITY, kecamatan="KARANG_TENGAH", kelurahan="Pedurenan", landmark="depan pasar")
    assert result.reporter == Reporter(name="Siti", phone="+62 812", email="siti@contoh.id")
    assert result.source_reference == "A-1"
    assert result.occurred_at == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    assert (result.mode, result.flags, result.call) == (Mode.LIVE, (), None)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        # 2: control characters
        ({"text": "a\x00b"}, ("text", "control_characters")),
        ({"text": "a\x1b[31mb"}, ("text", "control_characters")),
        ({"reporter": {"name": "a\x07"}}, ("reporter.name", "control_characters")),
        # 3: line ends where a mail header may be made of it
        ({"reporter": {"email": "a@b.id\r\nBcc: x@y.id"}}, ("reporter.email", "control_characters")),
        ({"source_reference": "a\nb"}, ("source_reference", "control_characters")),
        # 6: impossible places
        ({"place": {"latitude": float("nan"), "longitude": 106.63}}, ("place.latitude", "not_finite")),
        ({"place": {"latitude": float("inf"), "longitude": 106.63}}, ("place.latitude", "not_finite")),
        ({"place": {"latitude": 500.0, "longitude": 106.63}}, ("place.latitude", "out_of_range")),
        ({"place": {"latitude": 106.63, "longitude": -6.178}}, ("place.latitude", "swapped")),
        ({"place": {"latitude": -6.9, "longitude": 107.6}}, ("place.latitude", "outside_city")),
        ({"place": {"latitude": -6.178}}, ("place.longitude", "half_a_place")),
        # 7: bad times
        ({"occurred_at": "2026-11-24T09:00:00"}, ("occurred_at", "naive_time")),
        ({"occurred_at": 1_795_000_000}, ("occurred_at", "not_a_time")),
        ({"occurred_at": "1795000000000"}, ("occurred_at", "not_a_time")),
        ({"occurred_at": "9999-12-31T23:59:59-12:00"}, ("occurred_at", "not_a_time")),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, ("occurred_at", "not_a_time")),
        ({"occurred_at": "2026-02-30T00:00:00Z"}, ("occurred_at", "not_a_time")),
        ({"occurred_at": "2026-11-24"}, ("occurred_at", "not_a_time")),
        ({"occurred_at": "2026-11-24T03:01:01Z"}, ("occurred_at", "in_future")),
        ({"occurred_at": "2026-10-24T02:59:59Z"}, ("occurred_at", "too_old")),
        ({"occurred_at": "2026-11-24T03:01:01Z", "mode": "backfill"}, ("occurred_at", "in_future")),
        # 8: wrong types, missing, too long
        ({"text": 5}, ("text", "string_type")),
        ({"text": None}, ("text", "string_type")),
        ({"text": ""}, ("text", "string_too_short")),
        ({"text": " \n "}, ("text", "blank")),
        ({"text": "a" * 8_001}, ("text", "string_too_long")),
        ({"place": {"latitude": "-6.178", "longitude": 106.63}}, ("place.latitude", "float_type")),
        ({"place": {"latitude": True, "longitude": 106.63}}, ("place.latitude", "float_type")),
        ({"place": "Karawaci"}, ("place", "model_type")),
        ({"place": [1, 2]}, ("place", "model_type")),
        ({"source_reference": 17}, ("source_reference", "string_type")),
        ({"source_reference": "a" * 201}, ("source_reference", "string_too_long")),
        ({"mode": "LIVE"}, ("mode", "literal_error")),
        # 10: what only we decide
        ({"priority": "P1"}, ("priority", "extra_forbidden")),
        ({"department": "DISHUB"}, ("department", "extra_forbidden")),
        ({"status": "resolved"}, ("status", "extra_forbidden")),
        ({"event_id": "1"}, ("event_id", "extra_forbidden")),
        ({"place": {"city": "x"}}, ("place.city", "extra_forbidden")),
        ({"call_type": "normal"}, ("call_type", "extra_forbidden")),
    ],
)
def test_a_field_that_cannot_be_used_refuses_the_report(fields: dict[str, Any], fault: tuple[str, str]) -> None:
    """Classes 2, 3, 6, 7, 8, 10: the answer names the field and a stable code."""
    assert fault in faults(read(**fields))


def test_infinity_by_overflow_is_no_place() -> None:
    """1e999, which parses as infinity, is refused."""
    body = b'{"text": "a", "place": {"latitude": 1e999, "longitude": 106.63}}'
    assert faults(read_raw(body)) == {("place.latitude", "not_finite")}


def test_a_missing_text_is_named() -> None:
    """A missing text is reported as a fault."""
    assert faults(read_raw(b'{"category": "INF-PJU"}')) == {("text", "missing")}


def test_duplicate_keys_are_refused() -> None:
    """Class 10: duplicate keys are refused, because parsers disagree on which one counts."""
    assert faults(read_raw(b'{"text": "a", "text": "b"}')) == {("text", "duplicate_key")}


def test_every_fault_is_named_at_once() -> None:
    """All faults are reported together."""
    assert faults(read(text=5, mode="x", extra=1)) == {
        ("text", "string_type"),
        ("mode", "literal_error"),
        ("extra", "extra_forbidden"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "\u202etxet desrever\u202c",
        "zero\u200bwidth",
        "=cmd|' /C calc'!A0",
        "<script>alert(1)</script>",
        "'; DROP TABLE reports; --",
        "%n%s {0} ${jndi:ldap://x}",
        "baris satu\nbaris dua\ttab",
        "\U0001f525 kebakaran",
    ],
)
def test_hostile_text_is_data(text: str) -> None:
    """Class 3: hostile text is accepted unchanged and escaped on output."""
    result = read(text=text)
    assert isinstance(result, Submission)
    assert result.text == text


@pytest.mark.parametrize("code", ["XXX-BELUM-ADA", "?", "a b"])
def test_an_unknown_category_is_never_refused(code: str) -> None:
    """Class 9: an unknown category is flagged and its text is kept for triage."""
    result = read(category=code)
    assert isinstance(result, Submission)
    assert (result.category, result.category_text, result.flags) == (None, code, ("category_unknown",))


@pytest.mark.parametrize("code", [None, "", "  "])
def test_no_category_is_nothing_to_flag(code: str | None) -> None:
    """A missing category is not flagged."""
    result = read(category=code)
    assert isinstance(result, Submission)
    assert (result.category, result.category_text, result.flags) == (None, None, ())


def test_an_unknown_kecamatan_helps_to_find_the_place_all_the_same() -> None:
    """Class 9: an unknown kecamatan is flagged, not counted, and kept as text beside the landmark."""
    result = read(place={"kecamatan": "Serpong", "landmark": "dekat stasiun"})
    assert isinstance(result, Submission)
    assert result.flags == ("kecamatan_unknown",)
    assert result.place == Place(landmark="dekat stasiun, Serpong")


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=30), -timedelta(seconds=60)])
def test_times_up_to_the_limits_are_taken(age: timedelta) -> None:
    """Times up to 30 days old and 60 seconds ahead are accepted."""
    assert isinstance(read(occurred_at=(NOW - age).isoformat()), Submission)


def test_history_may_be_old() -> None:
    """Backfill has no limit of 30 days."""
    result = read(occurred_at="2024-01-01T00:00:30+07:00", mode="backfill")
    assert isinstance(result, Submission)
    assert result.occurred_at == datetime(2023, 12, 31, 17, 0, 30, tzinfo=UTC)


def test_a_p1_category_makes_an_emergency_of_any_channel() -> None:
    """P1 is an emergency from any channel, P2 only from 112."""
    fire, flood = read(category="FIR-KEBAKARAN"), read(category="dis-banjir")
    assert isinstance(fire, Submission)
    assert isinstance(flood, Submission)
    assert fire.lane_from(Channel.LAKSA) is Lane.EMERGENCY
    assert flood.lane_from(Channel.LAKSA) is Lane.ROUTINE
    assert flood.lane_from(Channel.CALL_112) is Lane.EMERGENCY


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_read_or_refused(body: bytes) -> None:
    """Any bytes give a submission or a refusal."""
    assert isinstance(read_raw(body), (Submission, Rejected))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["text", "category", "place", "reporter", "source_reference", "occurred_at", "mode"]), anything
    )
)
def test_anything_in_any_field_is_read_or_refused(fields: dict[str, Any]) -> None:
    """No value of a known field raises; accepted values can be stored in Kafka and PostgreSQL."""
    result = read_raw(json.dumps(fields).encode())
    if isinstance(result, Submission):
        assert result.text
        assert "\x00" not in result.text
