"""The live side of the board: one query and one rendering for all viewers, sent as server-sent events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from services.stats.metrics import StatsMetrics
from services.stats.queries import StatsQueries
from shared.errors import DatabaseUnavailable
from shared.observability.logs import logger
from shared.process.waiting import wait_or_stop

LOOK_SECONDS = 0.5  # how often we ask whether anything changed: one row
RENDER_SECONDS = 1.0  # the shortest time between two renderings, however much changes
REFRESH_SECONDS = 15.0  # ages on the board grow without any change; this also keeps idle connections open

log = logger(__name__)

Render = Callable[[], Awaitable[str]]


class LiveFeed:
    """Sends the board anew to every viewer when something was counted, within two seconds, and from time to time.

    Without viewers it asks nothing. A slow viewer misses versions but never gets an old one: only the latest is kept.
    """

    def __init__(self, queries: StatsQueries, render: Render, metrics: StatsMetrics) -> None:
        self._queries = queries
        self._render = render
        self._metrics = metrics
        self._changed = asyncio.Condition()
        self._viewers = 0
        self._version = 0
        self._latest = b""
        self._revision = -1
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
                revision = await self._queries.revision()
                if revision == self._revision and age < REFRESH_SECONDS:
                    continue
                await self._publish(revision)
            except DatabaseUnavailable as error:
                log.warning("The board waits for the database", reason=str(error))
            rendered_at = loop.time()
        await self.close()

    async def close(self) -> None:
        """End all streams, so that the server need not wait for their viewers to leave."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def stream(self) -> AsyncIterator[bytes]:
        """Everything that one viewer gets, from the next version on; ends with `close`."""
        self._count_viewers(1)
        try:
            seen = self._version
            yield b": halo\n\n"
            while not self._closed:
                version, latest = await self._next(seen)
                if version == seen:
                    yield b": tetap tersambung\n\n"
                elif not self._closed:
                    seen = version
                    yield latest
        finally:
            self._count_viewers(-1)

    async def _next(self, seen: int) -> tuple[int, bytes]:
        """The latest version, once it is another one, or after a while."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                is_news = self._changed.wait_for(lambda: self._version != seen or self._closed)
                await asyncio.wait_for(is_news, REFRESH_SECONDS * 2)
            return self._version, self._latest

    async def _publish(self, revision: int) -> None:
        page = await self._render()
        text = server_sent_event(page)
        if revision != self._revision:
            text += server_sent_event("", event="counted")
        async with self._changed:
            self._latest = text.encode()
            self._version += 1
            self._revision = revision
            self._changed.notify_all()

    def _count_viewers(self, change: int) -> None:
        self._viewers += change
        self._metrics.viewers.set(self._viewers)


def server_sent_event(data: str, event: str | None = None) -> str:
    """One event as it travels; an event without a name is swapped into the page by htmx."""
    lines = [f"event: {event}"] if event else []
    lines.extend(f"data: {line}" for line in data.splitlines() or [""])
    return "\n".join(lines) + "\n\n"
