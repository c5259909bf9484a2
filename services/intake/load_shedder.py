"""Limits the reports in progress: above the limit, routine reports are refused so that emergencies are not delayed."""

import asyncio
import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import orjson
from starlette.responses import Response

from shared.domain.lanes import Channel, Lane, Mode, lane_of
from shared.domain.taxonomy import Taxonomy
from shared.http.problems import MEDIA_TYPE
from shared.observability.tracing import trace_id_of

TOO_BUSY: Final = "too_busy"
RETRY_SECONDS: Final = 2
# A refusal is delayed, and meanwhile its connection sends nothing new. After an immediate refusal the client would send
# the next report at once, and reading those would take the time that emergencies need.
HOLD_SECONDS: Final = 0.3
MOST_HELD: Final = 1_000  # each with its body, of 64 KiB at most
_TRACE_ID: Final = b"%(trace_id)s"
# Serialised once: under load, thousands of refusals a second must be cheap.
_PROBLEM: Final = orjson.dumps(
    {
        "type": f"urn:problem-type:laksa:{TOO_BUSY}",
        "title": "Too many reports at once",
        "status": 503,
        "detail": "Nothing was stored. Send the same request again.",
        "code": TOO_BUSY,
        "errors": [],
        "trace_id": _TRACE_ID.decode(),
    }
)


class LoadShedder:
    """Counts the reports and calls in progress. Those of the emergency lane are counted but never refused."""

    def __init__(self, limit: int, taxonomy: Taxonomy) -> None:
        self._limit = limit
        self._taxonomy = taxonomy
        self._in_hand = 0
        self._held = 0

    @property
    def in_hand(self) -> int:
        """The number in progress."""
        return self._in_hand

    def refuses(self, body: bytes, channel: Channel) -> bool:
        """Whether the limit is reached and this report does not belong to the emergency lane."""
        return self._in_hand >= self._limit and not is_urgent(body, channel, self._taxonomy)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Count one report as in progress during the block."""
        self._in_hand += 1
        try:
            yield
        finally:
            self._in_hand -= 1

    async def delay_refusal(self) -> None:
        """Wait before a refusal, unless too many requests already wait."""
        if self._held >= MOST_HELD:
            return
        self._held += 1
        try:
            await asyncio.sleep(HOLD_SECONDS)
        finally:
            self._held -= 1


def is_urgent(body: bytes, channel: Channel, taxonomy: Taxonomy) -> bool:
    """Whether a report would take the emergency lane. Reads only the fields that decide this and validates nothing.

    For a body that is not a valid report the result does not matter: it is refused anyway.
    """
    try:
        fields = orjson.loads(body.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        return False
    if not isinstance(fields, dict) or fields.get("mode") == Mode.BACKFILL:
        return False
    category = taxonomy.category(str(fields.get("category")).strip().upper())
    return lane_of(channel=channel, category=category, call_type=None, mode=Mode.LIVE) is Lane.EMERGENCY


def busy_answer(traceparent: str) -> Response:
    """The 503 response at the limit, with Retry-After."""
    body = _PROBLEM.replace(_TRACE_ID, (trace_id_of(traceparent) or "").encode())
    return Response(body, 503, {"Retry-After": str(RETRY_SECONDS)}, MEDIA_TYPE)
