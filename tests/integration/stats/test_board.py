"""The board in a real browser: it renders, updates live, and its policy blocks none of its resources."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from shared.domain.lanes import Lane
from tests.support.builders import lifecycle
from tests.support.machine import needed
from tests.support.processes.stats_process import StatsProcess

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
COUNTED_MS = 5_000  # the board updates within 2 s after the counting; Kafka and the counting add their time


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    path = needed("chromium", "chromium")
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield made
        await made.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, *, width: int = 1920, height: int = 1080) -> AsyncIterator[Page]:
    """A page that fails the test on a blocked script, a missing file or a console error."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page = await browser.new_page(viewport={"width": width, "height": height})
    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "requestfailed", lambda request: complaints.append(request.url) if "/board/live" not in request.url else None
    )
    await page.goto(url)
    yield page
    await page.close()
    assert complaints == []


async def test_the_board_is_live(browser: Browser, stats: StatsProcess) -> None:
    """A fact on Kafka changes the open page and its 112 table without a reload."""
    now = datetime.now(UTC)
    fire = lifecycle.registered(
        channel="112",
        call_type="normal",
        category="FIR-KEBAKARAN",
        lane=Lane.EMERGENCY,
        occurred_at=now,
        received_at=now,
    )
    async with opened(browser, stats.url) as page:
        await expect(page.locator(".freshness")).to_contain_text("Langsung")
        await expect(page.locator(".emergencies")).to_contain_text("Tidak ada laporan darurat yang terbuka")
        await page.evaluate("window.stillTheSamePage = true")
        await stats.publish([fire])
        card = page.locator(".card.emergency strong")
        await expect(card).to_have_text("1", timeout=COUNTED_MS)
        await expect(page.locator("#calls-112-table tfoot")).to_contain_text("1", timeout=COUNTED_MS)
        await stats.publish([lifecycle.decided(owner="BPBD", lane=Lane.EMERGENCY)])
        await expect(page.locator("#opd-BPBD td.n").first).to_have_text("1", timeout=COUNTED_MS)
        await stats.publish([lifecycle.status_changed(to="resolved", opd="BPBD")])
        await expect(card).to_have_text("0", timeout=COUNTED_MS)
        assert await page.evaluate("window.stillTheSamePage")


@pytest.mark.slow("browsers")
async def test_a_period_is_chosen_without_a_reload(browser: Browser, stats: StatsProcess) -> None:
    """Choosing the published period shows its table with ticks without a reload."""
    await stats.publish(lifecycle.calls_of_2024())
    async with opened(browser, stats.url) as page:
        await page.evaluate("window.stillTheSamePage = true")
        for name, month in (("from", "2024-01"), ("to", "2024-07")):
            await page.fill(f"#period input[name={name}]", month)
            await page.dispatch_event(f"#period input[name={name}]", "change")
        await expect(page.locator("#calls-112-table tfoot")).to_contain_text("376 ✓", timeout=COUNTED_MS)
        assert await page.evaluate("window.stillTheSamePage")


@pytest.mark.slow("browsers")
async def test_the_board_fits_its_screen(browser: Browser, stats: StatsProcess) -> None:
    """On screens from the wall to the phone, nothing is wider than the screen."""
    await stats.publish(lifecycle.calls_of_2024())
    for width, height in ((1920, 1080), (1280, 800), (390, 844)):
        async with opened(browser, stats.url, width=width, height=height) as page:
            await expect(page.locator(".card strong").last).to_have_text("376", timeout=COUNTED_MS)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.slow("browsers")
async def test_the_reports_page_and_the_documentation_are_drawn(browser: Browser, stats: StatsProcess) -> None:
    """Both API viewers and the report's page work offline, because this service serves all of their files."""
    await stats.publish([lifecycle.registered(), lifecycle.decided()])
    async with opened(browser, stats.url) as page:
        await page.click("#latest-title >> xpath=../.. >> a", timeout=COUNTED_MS)
        await expect(page.locator("h1")).to_have_text("Lampu PJU padam")
        await expect(page.locator(".history")).to_contain_text("Diteruskan ke DISHUB")
    async with opened(browser, f"{stats.url}/docs") as page:
        await expect(page.locator("body")).to_contain_text("/v1/stats/112", timeout=15_000)
    async with opened(browser, f"{stats.url}/asyncapi/docs") as page:
        await expect(page.locator("body")).to_contain_text("report.registered.v1", timeout=15_000)
