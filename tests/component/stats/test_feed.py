"""The live feed: one query for all viewers, updates within two seconds, and an end when the service stops."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from fastapi.sse import KEEPALIVE_COMMENT
from prometheus_client import CollectorRegistry

from services.stats.board.feed import LiveFeed
from services.stats.metrics import StatsMetrics
from services.stats.queries import StatsQueries
from services.stats.store import StatsStore
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import facts

COUNTED = "event: counted"


@dataclass
class Page:
    """A board that counts its renderings; ``meanwhile`` runs while its figures are being read."""

    renderings: int = 0
    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def render(self) -> str:
        """Render the next version."""
        self.renderings += 1
        shown = f"<p>versi {self.renderings}</p>"
        if self.meanwhile is not None:
            await self.meanwhile()
        return shown


def feed_of(queries: StatsQueries, page: Page) -> LiveFeed:
    """A feed that looks only when `look` is called."""
    return LiveFeed(queries, page.render, StatsMetrics(CollectorRegistry()))


@asynccontextmanager
async def watched(queries: StatsQueries, page: Page) -> AsyncIterator[LiveFeed]:
    """A running feed."""
    feed = feed_of(queries, page)
    stopping = asyncio.Event()
    running = asyncio.create_task(feed.run(stopping))
    yield feed
    stopping.set()
    await running


@asynccontextmanager
async def viewing(feed: LiveFeed, revision: int = -1) -> AsyncIterator[AsyncGenerator[bytes]]:
    """A connected viewer whose page shows a revision; it leaves at the end."""
    async with contextlib.aclosing(feed.stream(revision)) as viewer:
        assert await anext(viewer) == KEEPALIVE_COMMENT
        yield viewer


async def next_event(viewer: AsyncIterator[bytes], seconds: float = 5.0) -> str:
    """The next event for a viewer."""
    return (await asyncio.wait_for(anext(viewer), seconds)).decode()


async def count(store: StatsStore, number: int) -> None:
    """Count one more report: the revision grows by one."""
    await store.record_facts(facts(lifecycle.registered(number)))


async def test_a_change_reaches_every_viewer_from_one_rendering(store: StatsStore, queries: StatsQueries) -> None:
    """One rendering serves fifty viewers, and a change reaches them within two seconds."""
    page = Page()
    async with watched(queries, page) as feed, contextlib.AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(viewing(feed)) for _ in range(50)]
        first = await asyncio.gather(*(next_event(viewer) for viewer in viewers))
        assert len(set(first)) == 1
        assert page.renderings == 1
        began = asyncio.get_running_loop().time()
        await count(store, 1)
        second = await asyncio.gather(*(next_event(viewer) for viewer in viewers))
        assert asyncio.get_running_loop().time() - began < 2.0
        assert len(set(second)) == 1
        assert page.renderings == 2
        assert COUNTED in second[0]


async def test_what_is_counted_before_the_stream_connects_is_sent_at_once(
    store: StatsStore, queries: StatsQueries
) -> None:
    """A viewer with revision 0 gets the existing revision 1 without waiting for a refresh."""
    feed = feed_of(queries, Page())
    async with viewing(feed) as first:
        await count(store, 1)
        await feed.look()
        assert "versi 1" in await next_event(first)
        async with viewing(feed, revision=0) as late:
            sent = await next_event(late)
    assert sent.startswith(COUNTED)
    assert "versi 1" in sent
    assert "\nid: 1\n" in sent


async def test_a_page_that_is_up_to_date_is_sent_nothing_until_something_changes(
    store: StatsStore, queries: StatsQueries
) -> None:
    """The stream of a viewer with the latest revision begins with the next version."""
    page = Page()
    feed = feed_of(queries, page)
    async with viewing(feed):
        await count(store, 1)
        await feed.look()
        async with viewing(feed, revision=1) as late:
            assert not await feed.look()
            assert page.renderings == 1
            await count(store, 2)
            await feed.look()
            sent = await next_event(late)
    assert "versi 2" in sent
    assert COUNTED in sent


async def test_a_viewer_that_connects_again_has_the_newest_state_at_once(
    store: StatsStore, queries: StatsQueries
) -> None:
    """A viewer that reconnects with its last event id gets the latest version, and reloads the other parts."""
    feed = feed_of(queries, Page())
    async with viewing(feed):
        await feed.look()
        async with viewing(feed) as lost:
            assert "\nid: 0\n" in await next_event(lost)
        for number in (1, 2):
            await count(store, number)
            await feed.look()
        async with viewing(feed, revision=0) as again:
            sent = await next_event(again)
    assert "versi 3" in sent
    assert "\nid: 2\n" in sent
    assert COUNTED in sent


async def test_a_viewer_that_connects_during_a_rendering_gets_it_when_it_is_newer(
    store: StatsStore, queries: StatsQueries
) -> None:
    """A viewer with an older page gets the version that was being rendered when it connected."""
    page = Page()
    feed = feed_of(queries, page)
    async with contextlib.AsyncExitStack() as stack:
        late: list[AsyncGenerator[bytes]] = []

        async def connect() -> None:
            late.append(await stack.enter_async_context(viewing(feed, revision=0)))

        await stack.enter_async_context(viewing(feed))
        await count(store, 1)
        page.meanwhile = connect
        await feed.look()
        assert "versi 1" in await next_event(late[0])


async def test_a_viewer_that_connects_during_a_rendering_is_not_set_back(
    store: StatsStore, queries: StatsQueries
) -> None:
    """A viewer with a newer page does not get the version that was being rendered when it connected."""
    page = Page()
    feed = feed_of(queries, page)
    async with contextlib.AsyncExitStack() as stack:
        late: list[asyncio.Task[str]] = []

        async def count_and_connect() -> None:
            page.meanwhile = None
            await count(store, 1)
            viewer = await stack.enter_async_context(viewing(feed, revision=1))
            late.append(asyncio.create_task(next_event(viewer)))

        await stack.enter_async_context(viewing(feed))
        page.meanwhile = count_and_connect
        await feed.look()
        assert await feed.look()
        sent = await late[0]
    assert "versi 2" in sent
    assert "\nid: 1\n" in sent


async def test_what_is_counted_during_a_rendering_is_news_again(store: StatsStore, queries: StatsQueries) -> None:
    """A version's id is the revision read before its figures, so a later fact causes another version."""
    page = Page()
    feed = feed_of(queries, page)

    async def count_one() -> None:
        page.meanwhile = None
        await count(store, 1)

    async with viewing(feed) as viewer:
        page.meanwhile = count_one
        await feed.look()
        assert "\nid: 0\n" in await next_event(viewer)
        assert await feed.look()
        sent = await next_event(viewer)
    assert "versi 2" in sent
    assert COUNTED in sent


async def test_a_slow_viewer_still_hears_that_something_was_counted(store: StatsStore, queries: StatsQueries) -> None:
    """A viewer that missed the version with the change reloads its 112 table at the next refresh."""
    feed = feed_of(queries, Page())
    async with viewing(feed) as slow:
        await feed.look()
        await next_event(slow)
        await count(store, 1)
        await feed.look()
        await feed.look(refresh=True)
        sent = await next_event(slow)
    assert "versi 3" in sent
    assert COUNTED in sent


@pytest.mark.usefixtures("store")
async def test_a_refresh_alone_does_not_load_other_parts_again(queries: StatsQueries) -> None:
    """A refresh without new facts sends no event to reload the other parts."""
    feed = feed_of(queries, Page())
    async with viewing(feed) as viewer:
        await feed.look()
        await next_event(viewer)
        await feed.look(refresh=True)
        sent = await next_event(viewer)
    assert "versi 2" in sent
    assert COUNTED not in sent


@pytest.mark.usefixtures("store")
async def test_a_restored_database_reaches_pages_with_a_higher_revision(queries: StatsQueries) -> None:
    """A page with a higher revision than a restored database is updated nevertheless."""
    feed = feed_of(queries, Page())
    async with viewing(feed):
        await feed.look()
        async with viewing(feed, revision=500) as viewer:
            await feed.look(refresh=True)
            sent = await next_event(viewer)
    assert "versi 2" in sent
    assert COUNTED in sent


async def test_the_first_viewer_after_a_while_gets_no_old_version(store: StatsStore, queries: StatsQueries) -> None:
    """The first viewer after a time without viewers gets a new version, not the stale one."""
    feed = feed_of(queries, Page())
    async with viewing(feed):
        await count(store, 1)
        await feed.look()
    async with viewing(feed, revision=0) as later:
        assert await feed.look()
        assert "versi 2" in await next_event(later)


async def test_without_viewers_nothing_is_rendered(store: StatsStore, queries: StatsQueries) -> None:
    """Without viewers the feed renders nothing."""
    page = Page()
    async with watched(queries, page) as feed:
        await count(store, 1)
        async with viewing(feed) as viewer:
            assert "versi 1" in await next_event(viewer)
        assert page.renderings == 1


@pytest.mark.usefixtures("store")
async def test_a_viewer_who_left_is_a_viewer_no_more(queries: StatsQueries) -> None:
    """A viewer that disconnected is no longer counted, also if the connection broke while it waited."""
    registry = CollectorRegistry()
    feed = LiveFeed(queries, Page().render, StatsMetrics(registry))
    viewer = feed.stream()
    await anext(viewer)
    waiting = asyncio.ensure_future(anext(viewer))
    assert registry.get_sample_value("laksa_board_viewers") == 1
    await asyncio.sleep(0)  # it begins to wait
    waiting.cancel()
    await asyncio.wait([waiting])
    assert registry.get_sample_value("laksa_board_viewers") == 0


@pytest.mark.usefixtures("store")
async def test_streams_end_when_the_service_stops(queries: StatsQueries) -> None:
    """The streams end when the service stops, or its server would wait for the viewers."""
    page = Page()
    async with watched(queries, page) as feed:
        viewer = feed.stream()
        await next_event(viewer)
    rest = [event async for event in viewer]
    assert len(rest) <= 1
