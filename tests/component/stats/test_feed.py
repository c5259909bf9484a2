"""The live feed: one query for all viewers, told within two seconds, and an end when the service stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from services.stats.board.feed import LiveFeed, server_sent_event
from services.stats.metrics import StatsMetrics
from services.stats.queries import StatsQueries
from services.stats.store import StatsStore
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import facts


@dataclass
class Page:
    """A board that counts how often it is rendered."""

    renderings: int = 0

    async def render(self) -> str:
        """Its next version."""
        self.renderings += 1
        return f"<p>versi {self.renderings}</p>"


@asynccontextmanager
async def watched(queries: StatsQueries, page: Page) -> AsyncIterator[LiveFeed]:
    """A feed that runs."""
    feed = LiveFeed(queries, page.render, StatsMetrics(CollectorRegistry()))
    stopping = asyncio.Event()
    running = asyncio.create_task(feed.run(stopping))
    yield feed
    stopping.set()
    await running


async def next_event(viewer: AsyncIterator[bytes], seconds: float = 5.0) -> str:
    """The next thing that a viewer gets."""
    return (await asyncio.wait_for(anext(viewer), seconds)).decode()


async def test_a_change_reaches_every_viewer_from_one_rendering(store: StatsStore, queries: StatsQueries) -> None:
    """Fifty viewers, one query; the change is there within two seconds."""
    page = Page()
    async with watched(queries, page) as feed:
        viewers = [feed.stream() for _ in range(50)]
        await asyncio.gather(*(next_event(viewer) for viewer in viewers))
        first = await asyncio.gather(*(next_event(viewer) for viewer in viewers))
        assert len(set(first)) == 1
        assert page.renderings == 1
        began = asyncio.get_running_loop().time()
        await store.record_facts(facts(lifecycle.registered()))
        second = await asyncio.gather(*(next_event(viewer) for viewer in viewers))
        assert asyncio.get_running_loop().time() - began < 2.0
        assert len(set(second)) == 1
        assert page.renderings == 2
        assert "event: counted" in second[0]


async def test_without_viewers_nothing_is_rendered(store: StatsStore, queries: StatsQueries) -> None:
    """A board that nobody watches costs nothing."""
    page = Page()
    async with watched(queries, page) as feed:
        await store.record_facts(facts(lifecycle.registered()))
        viewer = feed.stream()
        await next_event(viewer)
        assert "versi 1" in await next_event(viewer)
        assert page.renderings == 1


@pytest.mark.usefixtures("store")
async def test_a_viewer_who_left_is_a_viewer_no_more(queries: StatsQueries) -> None:
    """Also one whose connection broke while it waited for news."""
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
    """Or its server would wait for viewers who never leave."""
    page = Page()
    async with watched(queries, page) as feed:
        viewer = feed.stream()
        await next_event(viewer)
    rest = [event async for event in viewer]
    assert len(rest) <= 1


def test_a_page_of_many_lines_is_one_event() -> None:
    """Each line is a data line; an empty line ends the event."""
    assert server_sent_event("<p>\na\n</p>") == "data: <p>\ndata: a\ndata: </p>\n\n"
    assert server_sent_event("", event="counted") == "event: counted\ndata: \n\n"
