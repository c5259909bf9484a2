"""Derived ids: the same input, sent or read again, gets the same id.

Source: ``docs/domain.md``, Identity. A uuid5 name is a JSON array that begins with its kind, so that two different
lists of parts never give the same name.
"""

import json
from hashlib import blake2b
from json.encoder import encode_basestring_ascii
from uuid import UUID, uuid5

import uuid_utils
from uuid_utils.compat import uuid7

NAMESPACE = UUID("6f2d1c1e-5b0a-5f7e-9a44-1c2b7d0e3a52")  # never change it: every id ever issued depends on it
_FAST_NAMESPACE = uuid_utils.UUID(str(NAMESPACE))

TICKET_PREFIX = "LKS"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_MISREAD = str.maketrans("OIL", "011")
_DATA_SYMBOLS = 12  # 5 bits each, 60 in all: among a billion tickets two are equal with probability 0.35
_SYMBOLS = _DATA_SYMBOLS + 1


def report_id_of(
    channel: str,
    source_reference: str | None = None,
    idempotency_key: str | None = None,
    kafka_position: tuple[str, int, int] | None = None,
    body_digest: bytes | None = None,
) -> UUID:
    """The id of a report, from the best identifier that it has.

    Uuid5 of (channel, source reference), else of (channel, idempotency key), else of (topic, partition, offset), else
    a fresh UUIDv7. ``body_digest`` is added to the name where the same reference came with another body and must not be
    lost (emergency lane, ``reference_reused``). A blank reference or key counts as missing.
    """
    suffix = () if body_digest is None else (body_digest.hex(),)
    if source_reference and source_reference.strip():
        return _derive("report-by-reference", channel, source_reference, *suffix)
    if idempotency_key and idempotency_key.strip():
        return _derive("report-by-key", channel, idempotency_key, *suffix)
    if kafka_position is not None:
        return _derive("report-by-position", *kafka_position, *suffix)
    return uuid7()


def event_id(input_id: UUID | str, kind: str, destination: str = "", ordinal: int = 0) -> UUID:
    """The id of an event that is caused by another event.

    Args:
        input_id: id of the cause.
        kind: the event's type.
        destination: OPD, endpoint or topic where one input makes several events of a kind.
        ordinal: attempt, escalation level or seq, for events that may repeat (the third failure is not the first one).
    """
    return _derive("event", str(input_id), kind, destination, ordinal)


def event_id_text(input_id: str, kind: str, destination: str = "", ordinal: int = 0) -> str:
    """The same id as `event_id`, as text.

    Seven times as fast, because the router derives two for every report: it builds the name as json.dumps would and
    hashes it without creating a UUID object.
    """
    texts = (
        f"{encode_basestring_ascii(input_id)}, {encode_basestring_ascii(kind)}, {encode_basestring_ascii(destination)}"
    )
    return str(uuid_utils.uuid5(_FAST_NAMESPACE, f'["event", {texts}, {ordinal}]'))


def submitted_event_id(report_id: UUID, body_digest: bytes) -> UUID:
    """The id of ``report.submitted``, from the report's id and the accepted body."""
    return _derive("submitted", str(report_id), body_digest.hex())


def delivery_id(ce_id: UUID | str, endpoint_id: str) -> UUID:
    """The id of a delivery; every try sends it as ``webhook-id``."""
    return _derive("delivery", str(ce_id), endpoint_id)


def ticket_number(report_id: UUID) -> str:
    """The public number of a report, as ``LKS-XXXXX-XXXXX-XXX``: 60 bits and a check symbol.

    The id is hashed first, because a UUIDv7 begins with the time and consecutive reports would get similar numbers. The
    id cannot be computed from the number.
    """
    number = int.from_bytes(blake2b(report_id.bytes, digest_size=8, person=b"laksa-ticket").digest(), "big")
    symbols = [(number >> 5 * place) & 31 for place in range(_DATA_SYMBOLS)]
    return _written([*symbols, _times_two(_remainder(symbols))])


def normalise_ticket(text: str) -> str | None:
    """Normalise a ticket number that a person typed; None if it is not valid.

    Case, spaces, hyphens and the prefix do not matter, O is read as 0, I and L as 1. The check symbol catches every
    single wrong symbol and every two that were swapped.
    """
    symbols = "".join(text.split()).replace("-", "").upper().translate(_MISREAD)
    if len(symbols) == len(TICKET_PREFIX) + _SYMBOLS:
        symbols = symbols.removeprefix(TICKET_PREFIX.translate(_MISREAD))
    if len(symbols) != _SYMBOLS or any(symbol not in _ALPHABET for symbol in symbols):
        return None
    values = [_ALPHABET.index(symbol) for symbol in symbols]
    return _written(values) if _remainder(values) == 0 else None


def _derive(*parts: str | int) -> UUID:
    return uuid5(NAMESPACE, json.dumps(parts))


def _written(symbols: list[int]) -> str:
    text = "".join(_ALPHABET[symbol] for symbol in symbols)
    return f"{TICKET_PREFIX}-{text[:5]}-{text[5:10]}-{text[10:]}"


def _times_two(element: int) -> int:
    """Multiply by x in the field of 32 elements, modulo x^5 + x^2 + 1."""
    doubled = element << 1
    return doubled ^ 0b100101 if doubled & 32 else doubled


def _remainder(symbols: list[int]) -> int:
    """The symbols as a polynomial at x. Its weights all differ, which is what makes swaps show."""
    total = 0
    for symbol in symbols:
        total = _times_two(total) ^ symbol
    return total
