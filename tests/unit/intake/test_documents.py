"""Reading bytes gives one JSON object or raises `Malformed`."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.documents import Malformed, read_document

MALFORMED = {
    "nothing": b"",
    "cut off": b'{"text": "a',
    "100,000 deep": b"[" * 100_000,
    "30,000 deep in a field": b'{"text":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a 5,000-digit number": b'{"text": ' + b"1" * 5_000 + b"}",
    "a 5,000-digit fraction": b'{"text": 0.' + b"1" * 5_000 + b"}",
    "half a surrogate pair": b'{"text": "\\ud800"}',
    "half a pair as a key": b'{"\\udfff": 1}',
    "not UTF-8": b'{"text": "\xff"}',
    "UTF-16": '{"text": "a"}'.encode("utf-16"),
    "a list": b"[1]",
    "a text": b'"a"',
    "null": b"null",
    "two objects": b"{}{}",
    "single quotes": b"{'a': 1}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_one_object_is_malformed(body: bytes) -> None:
    """Class 1: each of these raises `Malformed` and nothing else."""
    with pytest.raises(Malformed):
        read_document(body, "report")


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise_anything_else(body: bytes) -> None:
    """Any bytes are either an object or `Malformed`."""
    try:
        document = read_document(body, "report")
    except Malformed:
        return
    assert isinstance(document.fields, dict)


def test_the_error_does_not_quote_the_body() -> None:
    """Neither the exception nor its cause contains the body."""
    with pytest.raises(Malformed) as caught:
        read_document(b'{"phone": "0812345" oops', "report")
    assert "0812345" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_digest_depends_on_content_and_kind_only() -> None:
    """The digest ignores spacing and key order, and depends on values and the kind of request."""
    first = read_document(b'{"text": "a", "place": {"latitude": 1, "longitude": 2}}', "report").digest
    same = read_document(b'{"place":{"longitude":2,"latitude":1},\n"text":"\\u0061"}', "report").digest
    assert first == same
    assert first != read_document(b'{"text": "b", "place": {"latitude": 1, "longitude": 2}}', "report").digest
    assert first != read_document(b'{"text": "a", "place": {"latitude": 1, "longitude": 2}}', "call").digest


def test_a_byte_order_mark_is_no_fault() -> None:
    """A byte order mark, as Windows systems write it, is accepted."""
    assert read_document(b'\xef\xbb\xbf{"text": "a"}', "call").fields == {"text": "a"}


def test_duplicate_keys_are_named_at_every_depth() -> None:
    """Duplicate keys are reported with their paths, because parsers disagree on which one counts."""
    document = read_document(b'{"text": "a", "text": "b", "place": {"landmark": "x", "landmark": "y"}}', "report")
    assert set(document.duplicate_keys) == {"text", "landmark"}


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.text(), st.lists)))
def test_every_object_is_read_back(fields: dict[str, object]) -> None:
    """Every valid JSON object is read unchanged."""
    document = read_document(json.dumps(fields).encode(), "report")
    assert document.fields == fields
    assert document.duplicate_keys == ()
