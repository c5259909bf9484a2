"""The live side of the board: one query and one rendering for all viewers, sent as server-sent events."""

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

LOOK_SECONDS = 0.5  # how often we ask whether anything changed: one row
RENDER_SECONDS = 1.0  # the shortest time between two renderings, however much changes
REFRESH_SECONDS = 15.0  # ages on the board grow without any change; this also keeps idle connections open
UNKNOWN_REVISION = -1  # of a viewer that does not say what it shows: every revision is newer

# Tells the page to load its other parts again. It has no id: a viewer that gets it but loses the connection before the
# page's own event arrives asks again from the revision that it still shows.
COUNTED = format_sse_event(event="counted", data_str="")

log = logger(__name__)

Render = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Version:
    """A rendering of the board. It shows at least ``revision``, which was read before the figures.

    ``look`` numbers the looks at the database; the rendering belongs to the look that read the revision.
    """

    look: int
    revision: int
    event: bytes = b""

    def replaces(self, shown: "Version") -> bool:
        """Whether a viewer that shows the other version should get this one.

        A look that began after the viewer connected always counts: it shows newer ages, and where a database was
        restored its revision may be the lower one. An earlier look counts only if its revision is higher.
        """
        return self.look > shown.look or self.revision > shown.revision


class LiveFeed:
    """Sends the board anew to every viewer within two seconds after a change, and every 15 s without one.

    Without viewers it asks nothing. A slow viewer misses versions but never gets an older one than it shows: only the
    latest is kept.
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
        """Watch for changes until told to stop."""
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
                log.warning("The board waits for the database", reason=str(error))
            rendered_at = loop.time()
        await self.close()

    async def look(self, *, refresh: bool = False) -> bool:
        """Send a new version if anything changed or a refresh is due; returns whether it did.

        Raises:
            DatabaseUnavailable: nothing was sent.
        """
        self._looks += 1
        look = self._looks
        revision = await self._queries.revision()  # before the figures: what is counted meanwhile is news again
        if self._latest is not None and self._latest.revision == revision and not refresh:
            return False
        event = format_sse_event(data_str=await self._render(), id=str(revision))
        async with self._changed:
            self._latest = Version(look, revision, event)
            self._changed.notify_all()
        return True

    async def close(self) -> None:
        """End all streams, so that the server need not wait for their viewers to leave."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def stream(self, revision: int = UNKNOWN_REVISION) -> AsyncGenerator[bytes]:
        """Everything that one viewer gets whose page shows ``revision``; ends with `close`.

        A viewer that shows an older revision than the latest version gets that version at once.
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
            self._latest = None  # it was rendered while somebody watched, maybe hours ago
        self._count_viewers(1)

    async def _next(self, shown: Version) -> Version | None:
        """The latest version, once a viewer that shows this one should get it; None after a while without any."""
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
