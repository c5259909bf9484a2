"""`laksa tail`: one record as text, for any content."""

import orjson
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from services.cli.inspect.tailing import line_of

HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\n\u202e[bold]x[/nothing]"
HEADERS = {
    "ce_id": "1",
    "ce_type": "id.go.tangerang.laksa.report.routed.v1",
    "ce_time": "2024-07-31T10:00:00Z",
    "ce_lane": "emergency",
    "ce_category": "FIR-KEBAKARAN",
    "ce_role": "owner",
    "ce_mode": "live",
    "ce_rule": "category",
    "ce_table": "v1",
    "ce_why": "a fire is BPBD's",
    "ce_subject": "7",
}


def record(value: bytes | None, headers: dict[str, str]) -> ConsumerRecord:
    """A record as the consumer returns it."""
    raw = [(name, text.encode()) for name, text in headers.items()]
    return ConsumerRecord("opd.bpbd.emergency.v1", 0, 0, 0, 0, b"7", value, None, 1, 1, raw)


def shown(value: bytes | None, headers: dict[str, str]) -> str:
    """The record as text without colours."""
    return line_of(record(value, headers)).plain


def test_it_says_what_came_and_why() -> None:
    """A record is shown as one line of the report, followed by its origin and the rule of its routing."""
    first, *rest = shown(orjson.dumps({"ticket": "T-1", "text": "Api di gudang"}), HEADERS).splitlines()
    assert first == "2024-07-31T10:00:00Z emergency FIR-KEBAKARAN owner T-1 Api di gudang"
    assert "    ce_why: a fire is BPBD's" in rest
    assert "    ce_rule: category" in rest


def test_without_a_category_and_a_text_it_is_still_a_line() -> None:
    """A record without category and text, such as a ghost call, is shown with placeholders."""
    first, *rest = shown(orjson.dumps({"ticket": "T-1", "text": None}), {}).splitlines()
    assert first.split() == ["-", "T-1", "(no", "text)"]
    assert "    ce_why: -" in rest


@pytest.mark.parametrize("value", [None, b"", b"no JSON \xff", b"[]", b'"x"', b"null"])
def test_a_body_that_is_no_report_is_shown_all_the_same(value: bytes | None) -> None:
    """A record whose body is no report is shown and does not end the command."""
    assert "ce_type" in shown(value, HEADERS)


@pytest.mark.parametrize("where", ["body", "value", *HEADERS])
def test_hostile_text_is_shown_harmlessly(where: str) -> None:
    """Control characters of the body and the headers do not reach the terminal, and markup is shown as text."""
    body = orjson.dumps({"ticket": HOSTILE, "text": HOSTILE}) if where == "body" else orjson.dumps({"text": "x"})
    headers = {**HEADERS, where: HOSTILE} if where in HEADERS else HEADERS
    text = shown(HOSTILE.encode() if where == "value" else body, headers)
    assert len(text.splitlines()) == len(shown(b"{}", HEADERS).splitlines())
    assert text.replace("\n", "").isprintable()
    assert "[bold]x[/nothing]" in text


@given(st.binary(), st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text(st.characters(codec="utf-8"))))
def test_no_record_can_stop_it(value: bytes, headers: dict[str, str]) -> None:
    """Any bytes give a line and raise nothing."""
    assert shown(value, headers).replace("\n", "").isprintable()
