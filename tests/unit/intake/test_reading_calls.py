"""The lenient policy: a 112 call is repaired and flagged."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.submissions import Submission
from services.intake.validation import Rejected, read_call
from shared.domain.lanes import CallType, Channel, Lane, Mode
from shared.domain.taxonomy import default_taxonomy
from shared.domain.texts import strip_controls
from shared.events.models import Call, Place, Reporter

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def read(**fields: Any) -> Submission:
    """Read a valid call with these fields changed; it must be accepted."""
    result = read_raw(json.dumps({"text": "Rumah terbakar", "call_type": "normal", **fields}).encode())
    assert isinstance(result, Submission)
    return result


def read_raw(body: bytes) -> Submission | Rejected:
    """Read these bytes as a call."""
    return read_call(body, now=NOW, taxonomy=default_taxonomy())


def test_a_full_call_is_understood() -> None:
    """The caller becomes the reporter, call times and operator are kept, the call's start is the event time."""
    result = read(
        category="FIR-KEBAKARAN",
        caller={"name": "Budi", "phone": "0812"},
        call_started_at="2026-11-24T09:55:00+07:00",
        call_ended_at="2026-11-24T09:56:30+07:00",
        operator="op-3",
    )
    started, ended = datetime(2026, 11, 24, 2, 55, tzinfo=UTC), datetime(2026, 11, 24, 2, 56, 30, tzinfo=UTC)
    assert result.call == Call(call_type="normal", started_at=started, ended_at=ended, operator="op-3")
    assert result.reporter == Reporter(name="Budi", phone="0812")
    assert result.occurred_at == started
    assert result.flags == ()


@pytest.mark.parametrize(
    ("fields", "flag", "kept"),
    [
        # 2: control characters are taken out
        ({"text": "tolong\x00 cepat"}, "controls_removed", {"text": "tolong cepat"}),
        ({"caller": {"name": "a\nb"}}, "controls_removed", {"reporter": Reporter(name="a b")}),
        # 6: a place that cannot be right
        ({"place": {"latitude": 500, "longitude": 1}}, "location_suspect", {"place": None}),
        ({"place": {"latitude": 106.63, "longitude": -6.178}}, "location_suspect", {"place": None}),
        ({"place": {"latitude": float("nan"), "longitude": 1}}, "location_suspect", {"place": None}),
        ({"place": {"latitude": -6.178}}, "location_suspect", {"place": None}),
        ({"place": {"latitude": [], "landmark": "pasar"}}, "location_suspect", {"place": Place(landmark="pasar")}),
        ({"place": 7}, "location_suspect", {"place": None}),
        # 7: bad times are left out
        ({"occurred_at": 1_795_000_000}, "occurred_at_unusable", {"occurred_at": None}),
        ({"occurred_at": "2026-11-24T09:00:00"}, "occurred_at_unusable", {"occurred_at": None}),
        ({"occurred_at": "2027-01-01T00:00:00Z"}, "occurred_at_unusable", {"occurred_at": None}),
        ({"occurred_at": "2020-01-01T00:00:00Z"}, "occurred_at_unusable", {"occurred_at": None}),
        ({"call_ended_at": "soon"}, "call_ended_at_unusable", {"call": Call(call_type="normal")}),
        # 8: wrong types are mended where that is safe, too long texts cut
        ({"text": 112}, "retyped", {"text": "112"}),
        ({"source_reference": 4711}, "retyped", {"source_reference": "4711"}),
        ({"caller": {"phone": 62812}}, "retyped", {"reporter": Reporter(phone="62812")}),
        ({"caller": "Budi"}, "retyped", {"reporter": Reporter(name="Budi")}),
        ({"place": "Jl. Merdeka 5"}, "retyped", {"place": Place(landmark="Jl. Merdeka 5")}),
        (
            {"place": {"latitude": "-6,178", "longitude": "106.63"}},
            "retyped",
            {"place": Place(latitude=-6.178, longitude=106.63)},
        ),
        ({"text": "a" * 9_000}, "shortened", {"text": "a" * 8_000}),
        ({"caller": True}, "caller_unusable", {"reporter": None}),
        ({"category": ["FIR-KEBAKARAN"]}, "category_unusable", {"category": None}),
        ({"mode": "latihan"}, "mode_unusable", {"mode": Mode.LIVE}),
        # 9: unknown codes
        ({"category": "API"}, "category_unknown", {"category": None, "category_text": "API"}),
        ({"call_type": "iseng"}, "call_type_unknown", {"call": Call(call_type="normal")}),
        ({"call_type": None}, "call_type_missing", {"call": Call(call_type="normal")}),
        # 10: what only we decide
        ({"priority": "P4"}, "extra_ignored", {}),
        ({"place": {"city": "x", "landmark": "y"}}, "extra_ignored", {"place": Place(landmark="y")}),
    ],
)
def test_what_cannot_be_used_is_flagged_and_the_call_accepted(
    fields: dict[str, Any], flag: str, kept: dict[str, Any]
) -> None:
    """Classes 2, 6, 7, 8, 9, 10: an invalid field is flagged and the call is accepted."""
    result = read(**fields)
    assert flag in result.flags
    for name, value in kept.items():
        assert getattr(result, name) == value


def test_a_missing_call_type_counts_as_normal() -> None:
    """A missing call type counts as normal."""
    result = read_raw(b'{"text": "tolong"}')
    assert isinstance(result, Submission)
    assert result.call == Call(call_type=CallType.NORMAL)
    assert result.flags == ("call_type_missing",)


def test_duplicate_keys_are_flagged() -> None:
    """Class 10: the last duplicate counts and is flagged."""
    result = read_raw(b'{"text": "a", "text": "b", "call_type": "normal"}')
    assert isinstance(result, Submission)
    assert (result.text, result.flags) == ("b", ("duplicate_keys",))


@pytest.mark.parametrize(
    "body", [b"{}", b'{"call_type": "normal"}', b'{"text": " ", "category": ""}', b'{"text": "\\u0000"}']
)
def test_a_call_without_text_and_category_is_refused(body: bytes) -> None:
    """A call without text and category is refused."""
    assert isinstance(read_raw(body), Rejected)


def test_flags_never_repeat_what_was_sent() -> None:
    """Flags contain no names made up by the client, because lifecycle.v1 is kept forever."""
    assert read(**{"0812345678": "x"}).flags == ("extra_ignored",)


def test_a_call_without_a_known_category_is_an_emergency() -> None:
    """A call without a known category and a dropped call are emergencies; a prank call is not."""
    assert read(category="API").lane_from(Channel.CALL_112) is Lane.EMERGENCY
    assert read(call_type="dropped", category="INF-PJU").lane_from(Channel.CALL_112) is Lane.EMERGENCY
    assert read(call_type="Prank", category="FIR-KEBAKARAN").lane_from(Channel.CALL_112) is Lane.ROUTINE


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("x" * 9_000),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["latitude", "longitude", "kecamatan", "landmark", "name", "phone", "email", "other"]),
            inner,
        )
    ),
    max_leaves=6,
)
fields_of_a_call = st.dictionaries(
    st.sampled_from(
        [
            "category",
            "place",
            "reporter",
            "source_reference",
            "occurred_at",
            "mode",
            "call_type",
            "caller",
            "call_started_at",
            "call_ended_at",
            "operator",
            "priority",
        ]
    )
    | st.text(max_size=5),
    anything,
)


@given(fields_of_a_call, st.text(min_size=1, max_size=50).filter(lambda text: bool(strip_controls(text)[0].strip())))
def test_a_call_with_a_text_is_always_accepted(fields: dict[str, Any], text: str) -> None:
    """A call with a text is accepted with any other fields."""
    result = read_raw(json.dumps({**fields, "text": text}).encode())
    assert isinstance(result, Submission)
    assert result.text is not None
    assert "\x00" not in result.text


@given(fields_of_a_call, st.sampled_from(sorted(default_taxonomy().categories)))
def test_a_call_with_a_category_is_always_accepted(fields: dict[str, Any], code: str) -> None:
    """A call with a category is accepted with any other fields, also without text."""
    result = read_raw(json.dumps({**fields, "category": code}).encode())
    assert isinstance(result, Submission)
    assert result.category_text == code


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_read_or_refused(body: bytes) -> None:
    """Any bytes give a submission or a refusal."""
    assert isinstance(read_raw(body), (Submission, Rejected))
