"""The raw layer: from bytes to one JSON object, or to the fact that there is none. Pure.

Stricter than the standard library's parser, which takes lone surrogates and keeps the last of two equal keys in
silence, and quieter: it raises RecursionError and ValueError where this raises `Malformed`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_NUMBER_CHARACTERS = 100  # longer ones are attacks: what we read has degrees and no other numbers


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Malformed(Exception):  # noqa: N818  # named as the answer's code is
    """Not one JSON object in UTF-8."""


class _Twice(Exception):  # noqa: N818  # named after what happened
    """An object holds a key twice."""


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON object: its fields, the keys that it held twice, and a digest.

    The digest is the same for the same content, whatever the spacing and the order of the keys.
    """

    fields: dict[str, Any]
    duplicate_keys: tuple[str, ...]
    digest: bytes


def read_document(body: bytes, kind: str) -> Document:
    """Read one JSON object; ``kind`` joins the digest, so that a report and a call never count as the same body.

    NaN and infinity are read as numbers: where they stand for a place, that is what the answer should say.

    Raises:
        Malformed: no UTF-8, no JSON, no object, too deep, an endless number, half of a surrogate pair.
    """
    try:
        text = body.decode("utf-8-sig")
        fields, duplicates = _read(text)
        canonical = _CANONICAL.encode([kind, fields]).encode()
    except (ValueError, RecursionError):
        raise Malformed("Not JSON in UTF-8") from None  # the parser's own error would quote the body
    if not isinstance(fields, dict):
        raise Malformed("Not a JSON object")
    return Document(fields, duplicates, hashlib.sha256(canonical).digest())


def _read(text: str) -> tuple[Any, tuple[str, ...]]:
    """The JSON value, and the keys that an object in it held twice."""
    try:
        return _UNIQUE.decode(text), ()
    except _Twice:
        duplicates: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        times = Counter(name for name, _ in pairs)
        duplicates.extend(sorted(name for name, count in times.items() if count > 1))
        return dict(pairs)

    return _decoder(collect).decode(text), tuple(duplicates)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    collected = dict(pairs)
    if len(collected) < len(pairs):
        raise _Twice
    return collected


def _decoder(collect: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=collect, parse_int=_read_int, parse_float=_read_float)


def _read_int(text: str) -> int:
    return int(_bounded(text))


def _read_float(text: str) -> float:
    return float(_bounded(text))


def _bounded(text: str) -> str:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise ValueError("An endless number")
    return text


_UNIQUE = _decoder(_unique)  # made once: nearly every body needs no other
