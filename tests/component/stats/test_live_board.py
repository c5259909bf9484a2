"""Between a page and its stream no counted fact is lost, however late the stream connects."""

import re
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.stats.accounting import AccountLine
from services.stats.board.feed import LiveFeed
from services.stats.board.pages import Board
from services.stats.metrics import StatsMetrics
from services.stats.queries import StatsQueries
from services.stats.store import StatsStore
from shared.domain.taxonomy import default_taxonomy
from shared.process.health import Health
from tests.support.apps.stats_app import StatsApp
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import facts

NOT_A_NUMBER = ["", "-1", "1.5", "one", "9" * 40]


class SlowReading(StatsQueries):
    """Queries during which a report is counted: after the board has read its figures, before it is rendered."""

    def __init__(self, engine: AsyncEngine, store: StatsStore) -> None:
        super().__init__(engine)
        self._store = store

    async def accounts(self) -> Sequence[AccountLine]:
        """The accounts without that report."""
        read = await super().accounts()
        await self._store.record_facts(facts(lifecycle.registered()))
        return read


def revision_of(page: str) -> int:
    """The revision in the page's stream URL."""
    found = re.search(r'hx-sse:connect="/board/live\?revision=(\d+)"', page)
    assert found is not None
    return int(found[1])


async def test_what_is_counted_while_the_page_is_rendered_comes_by_its_stream(
    engine: AsyncEngine, store: StatsStore
) -> None:
    """A page has the revision from before its figures, so that its stream begins with the newer version."""
    board = Board(SlowReading(engine, store), default_taxonomy(), Health())
    page = await board.page(None, None)
    assert (revision_of(page), "Belum ada laporan yang diteruskan" in page) == (0, True)
    feed = LiveFeed(StatsQueries(engine), board.live, StatsMetrics(CollectorRegistry()))
    others, viewer = feed.stream(), feed.stream(revision_of(page))
    await anext(others)
    await feed.look()
    await anext(viewer)
    sent = (await anext(viewer)).decode()
    assert sent.startswith("event: counted\n")
    assert "\nid: 1\n" in sent
    await others.aclose()
    await viewer.aclose()


async def test_a_page_gets_what_was_counted_before_its_stream_connected(stats: StatsApp) -> None:
    """A page gets that version at once, although another viewer already has it and nothing changes any more."""
    feed = stats.app.state.parts.feed
    async with stats.stream("/board/live") as first:
        await first.started.wait()
        page = (await stats.get("/")).text
        await stats.count(facts(lifecycle.registered()))
        await feed.look()
        assert "1 belum diputuskan" in await first.next()
        async with stats.stream(f"/board/live?revision={revision_of(page)}") as late:
            assert "1 belum diputuskan" in await late.next()


async def test_a_stream_that_connects_again_goes_on_from_its_last_event(stats: StatsApp) -> None:
    """On a reconnect, ``Last-Event-ID`` takes precedence over the page's revision in the URL."""
    feed = stats.app.state.parts.feed
    async with stats.stream("/board/live") as first:
        await first.started.wait()
        await stats.count(facts(lifecycle.registered(1)))
        await feed.look()
        await first.next()
        async with stats.stream("/board/live?revision=0", {"Last-Event-ID": "1"}) as again:
            await again.started.wait()
            await stats.count(facts(lifecycle.registered(2)))
            await feed.look()
            assert "\nid: 2\n" in await again.next()
        async with stats.stream("/board/live?revision=2", {"Last-Event-ID": "1"}) as lost:
            sent = await lost.next()
    assert "\nid: 2\n" in sent
    assert sent.startswith("event: counted\n")


@pytest.mark.parametrize("given", NOT_A_NUMBER)
async def test_a_stream_that_names_no_revision_gets_the_newest(stats: StatsApp, given: str) -> None:
    """A stream with a missing or invalid revision gets the latest version."""
    async with stats.stream("/board/live") as first:
        await first.started.wait()
        await stats.app.state.parts.feed.look()
        async with stats.stream(f"/board/live?revision={given}", {"Last-Event-ID": given}) as viewer:
            assert "\nid: 0\n" in await viewer.next()


async def test_the_stream_is_one_of_events_and_is_not_kept(stats: StatsApp) -> None:
    """The stream has the type of server-sent events, and no cache may store it."""
    async with stats.stream("/board/live") as viewer:
        await viewer.started.wait()
    assert viewer.headers["content-type"].startswith("text/event-stream")
    assert viewer.headers["cache-control"] == "no-store"
