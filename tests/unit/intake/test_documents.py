"""The raw layer: one JSON object, or `Malformed`, whatever the bytes are."""

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
    """Class 1: each of these is refused, and none raises anything else."""
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
    """What a caller said must not travel in an exception, nor in the one behind it."""
    with pytest.raises(Malformed) as caught:
        read_document(b'{"phone": "0812345" oops', "report")
    assert "0812345" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_digest_depends_on_content_and_kind_only() -> None:
    """Spacing and the order of the keys do not make another body; a value, or the kind of request, does."""
    first = read_document(b'{"text": "a", "place": {"latitude": 1, "longitude": 2}}', "report").digest
    same = read_document(b'{"place":{"longitude":2,"latitude":1},\n"text":"\\u0061"}', "report").digest
    assert first == same
    assert first != read_document(b'{"text": "b", "place": {"latitude": 1, "longitude": 2}}', "report").digest
    assert first != read_document(b'{"text": "a", "place": {"latitude": 1, "longitude": 2}}', "call").digest


def test_a_byte_order_mark_is_no_fault() -> None:
    """Call systems on Windows begin their files with one."""
    assert read_document(b'\xef\xbb\xbf{"text": "a"}', "call").fields == {"text": "a"}


def test_duplicate_keys_are_named_at_every_depth() -> None:
    """Two parsers may disagree on which one counts, so the caller of this has to know."""
    document = read_document(b'{"text": "a", "text": "b", "place": {"landmark": "x", "landmark": "y"}}', "report")
    assert set(document.duplicate_keys) == {"text", "landmark"}


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.text(), st.lists)))
def test_every_object_is_read_back(fields: dict[str, object]) -> None:
    """What is an object in valid JSON is read as it is."""
    document = read_document(json.dumps(fields).encode(), "report")
    assert document.fields == fields
    assert document.duplicate_keys == ()
