"""How many routine reports may be in hand at once. Past that they are refused, so that emergencies are not delayed."""

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
# A refusal is given after a while, on a connection that so long brings nothing new. Given at once it would be answered
# at once by the next report, and reading those would take the time that emergencies need.
HOLD_SECONDS: Final = 0.3
MOST_HELD: Final = 1_000  # each with its body, of 64 KiB at most
_TRACE_ID: Final = b"%(trace_id)s"
# Written once: whoever refuses thousands a second must not build thousands of documents.
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
    """Counts the reports and calls in hand. Those of the emergency lane are counted and never refused."""

    def __init__(self, limit: int, taxonomy: Taxonomy) -> None:
        self._limit = limit
        self._taxonomy = taxonomy
        self._in_hand = 0
        self._held = 0

    @property
    def in_hand(self) -> int:
        """How many there are now."""
        return self._in_hand

    def refuses(self, body: bytes, channel: Channel) -> bool:
        """Whether there is no room for this report, and it is none of the emergency lane."""
        return self._in_hand >= self._limit and not is_urgent(body, channel, self._taxonomy)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Count one report in hand for as long as the block lasts."""
        self._in_hand += 1
        try:
            yield
        finally:
            self._in_hand -= 1

    async def delay_refusal(self) -> None:
        """Wait before a refusal is given; not where too many wait already."""
        if self._held >= MOST_HELD:
            return
        self._held += 1
        try:
            await asyncio.sleep(HOLD_SECONDS)
        finally:
            self._held -= 1


def is_urgent(body: bytes, channel: Channel, taxonomy: Taxonomy) -> bool:
    """Whether a report would take the emergency lane: what decides about that is looked at, and nothing is checked.

    Of a body that no report can be read from the answer means nothing; it will be refused anyway.
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
    """The 503 of a report that finds no room, with the time after which to come again."""
    body = _PROBLEM.replace(_TRACE_ID, (trace_id_of(traceparent) or "").encode())
    return Response(body, 503, {"Retry-After": str(RETRY_SECONDS)}, MEDIA_TYPE)
