"""The board's live feed: one query and one rendering for all viewers, sent as server-sent events."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from services.stats.metrics import StatsMetrics
from services.stats.queries import StatsQueries
from shared.errors import DatabaseUnavailable
from shared.observability.logs import logger
from shared.process.waiting import wait_or_stop

LOOK_SECONDS = 0.5  # interval of the query for the data revision, which reads one row
RENDER_SECONDS = 1.0  # shortest time between two renderings
REFRESH_SECONDS = 15.0  # ages on the board grow without any change; this also keeps idle connections open
UNKNOWN_REVISION = -1  # of a viewer that sends no revision: every revision is newer

# Makes the page reload its other parts. It has no id: if the connection breaks before the page's own event arrives, the
# viewer reconnects with the revision that it still shows.
COUNTED = format_sse_event(event="counted", data_str="")

log = logger(__name__)

Render = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Version:
    """A rendering of the board with at least ``revision``, which is read before the figures.

    ``look`` is the number of the query of the database that read the revision.
    """

    look: int
    revision: int
    event: bytes = b""

    def replaces(self, shown: "Version") -> bool:
        """Whether a viewer with the other version should get this one.

        A look that began after the viewer connected is always newer: its ages are newer, and its revision may be lower
        after a restore of the database. An earlier look is newer only if its revision is higher.
        """
        return self.look > shown.look or self.revision > shown.revision


class LiveFeed:
    """Sends the board to every viewer within two seconds after a change, and every 15 s without one.

    Without viewers it makes no queries. Only the latest version is kept, so a slow viewer misses versions but never
    gets an older one than it shows.
    """

    def __init__(self, queries: StatsQueries, render: Render, metrics: StatsMetrics) -> None:
        self._queries = queries
        self._render = render
        self._metrics = metrics
        self._changed = asyncio.Condition()
        self._viewers = 0
        self._looks = 0
        self._latest: Version | None = None
        self._closed = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Poll for changes until stopped."""
        loop = asyncio.get_running_loop()
        rendered_at = 0.0
        while not stopping.is_set():
            await wait_or_stop(stopping, LOOK_SECONDS)
            age = loop.time() - rendered_at
            if self._viewers == 0 or age < RENDER_SECONDS:
                continue
            try:
                if not await self.look(refresh=age >= REFRESH_SECONDS):
                    continue
            except DatabaseUnavailable as error:
                log.warning("The database is unavailable, the board is not updated", reason=str(error))
            rendered_at = loop.time()
        await self.close()

    async def look(self, *, refresh: bool = False) -> bool:
        """Send a new version if anything changed or a refresh is due; returns whether it did.

        Raises:
            DatabaseUnavailable: nothing was sent.
        """
        self._looks += 1
        look = self._looks
        revision = await self._queries.revision()  # before the figures: later facts cause a new version
        if self._latest is not None and self._latest.revision == revision and not refresh:
            return False
        event = format_sse_event(data_str=await self._render(), id=str(revision))
        async with self._changed:
            self._latest = Version(look, revision, event)
            self._changed.notify_all()
        return True

    async def close(self) -> None:
        """End all streams, so that the server does not wait for viewers to disconnect."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def stream(self, revision: int = UNKNOWN_REVISION) -> AsyncGenerator[bytes]:
        """Yield the events for one viewer whose page shows ``revision``, until `close`.

        A viewer with an older revision than the latest version gets that version at once.
        """
        self._enter()
        try:
            shown = Version(self._looks, revision)
            yield KEEPALIVE_COMMENT
            while not self._closed:
                version = await self._next(shown)
                if version is None:
                    yield KEEPALIVE_COMMENT
                elif not self._closed:
                    counted = b"" if version.revision == shown.revision else COUNTED
                    shown = version
                    yield counted + version.event
        finally:
            self._count_viewers(-1)

    def _enter(self) -> None:
        if self._viewers == 0:
            self._latest = None  # it was rendered for earlier viewers, possibly hours ago
        self._count_viewers(1)

    async def _next(self, shown: Version) -> Version | None:
        """Wait for a version that replaces this one; None after a timeout."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                is_news = self._changed.wait_for(lambda: self._closed or self._news(shown) is not None)
                await asyncio.wait_for(is_news, REFRESH_SECONDS * 2)
            return self._news(shown)

    def _news(self, shown: Version) -> Version | None:
        return self._latest if self._latest is not None and self._latest.replaces(shown) else None

    def _count_viewers(self, change: int) -> None:
        self._viewers += change
        self._metrics.viewers.set(self._viewers)
