"""Validates what a channel sends: bytes in, a submission or a refusal out. Pure; used for HTTP and Kafka.

Two policies (``docs/promises.md``, Bad input): reports are checked strictly; a 112 call is repaired and flagged, and
refused only if it has neither text nor category.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.intake.bodies import CallBody, ReportBody
from services.intake.documents import Document, Malformed, read_document
from services.intake.faults import Fault, examine
from services.intake.salvage import salvage
from services.intake.submissions import Submission, submission_of
from shared.domain.flags import DUPLICATE_KEYS
from shared.domain.taxonomy import Taxonomy

MAX_BODY_BYTES = 64 * 1024
# A correction may reveal another fault (a number as text may also be too long). Dropping ends within two rounds: first
# the inner fields, then their containers.
ROUNDS = (False, False, True, True, True)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A refused body: ``malformed`` if it is not one JSON object, else ``invalid`` with the faulty fields."""

    code: Literal["malformed", "invalid"]
    faults: tuple[Fault, ...] = ()


def read_report(body: bytes, *, now: datetime, taxonomy: Taxonomy) -> Submission | Rejected:
    """Validate a citizen report strictly. ``now`` is the server's time, aware."""
    document = _document(body, "report")
    if document is None:
        return Rejected("malformed")
    if document.duplicate_keys:
        return Rejected("invalid", tuple(Fault((name,), "duplicate_key") for name in document.duplicate_keys))
    examined = examine(ReportBody, document.fields, now)
    if isinstance(examined, list):
        return Rejected("invalid", tuple(examined))
    return submission_of(examined, digest=document.digest, flags=(), taxonomy=taxonomy)


def read_call(body: bytes, *, now: datetime, taxonomy: Taxonomy) -> Submission | Rejected:
    """Repair and accept a 112 call. ``now`` is the server's time, aware."""
    document = _document(body, "call")
    if document is None:
        return Rejected("malformed")
    flags = [DUPLICATE_KEYS] if document.duplicate_keys else []
    examined = _examine_saving(document.fields, flags, now)
    if isinstance(examined, list):
        return Rejected("invalid", tuple(examined))
    submission = submission_of(examined, digest=document.digest, flags=tuple(flags), taxonomy=taxonomy)
    if submission.text is None and submission.category_text is None:
        return Rejected("invalid", (Fault(("text",), "text_or_category"),))
    return submission


def _document(body: bytes, kind: str) -> Document | None:
    try:
        return read_document(body, kind)
    except Malformed:
        return None


def _examine_saving(fields: dict[str, Any], flags: list[str], now: datetime) -> CallBody | list[Fault]:
    examined = examine(CallBody, fields, now)
    for only_drop in ROUNDS:
        if not isinstance(examined, list):
            break
        fields, noted = salvage(fields, examined, only_drop=only_drop)
        flags.extend(noted)
        examined = examine(CallBody, fields, now)
    return examined
