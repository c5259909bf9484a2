"""The pages of the board: their content, and that they load no external resources and no foreign scripts."""

import re

import pytest

from services.stats.board import wording
from tests.support.apps.stats_app import StatsApp
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import facts
from tests.support.builders.lifecycle import START

PAGES = ["/", "/board/112", "/docs", "/asyncapi/docs"]


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_comes_from_outside(stats: StatsApp, path: str) -> None:
    """Every script, style and image comes from this service, and the Content-Security-Policy allows no other source."""
    answer = await stats.get(path)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(r"""(?:src|href|url)=["']?(?:https?:)?//""", answer.text)
    for asset in re.findall(r"""(?:src|href)="(/(?:static|docs/assets)/[^"]+)""", answer.text):
        assert (await stats.get(asset)).status_code == 200


async def test_the_board_needs_no_inline_script_or_style(stats: StatsApp) -> None:
    """The board has no inline script or style, and its policy allows none."""
    await stats.count(facts(*lifecycle.calls_of_2024()[:20]))
    answer = await stats.get("/")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", answer.text)


async def test_an_empty_board_says_so(stats: StatsApp) -> None:
    """Every part of an empty board has a text that says so."""
    page = (await stats.get("/")).text
    for sentence in (
        "Tidak ada laporan darurat yang terbuka.",
        "Belum ada laporan yang diteruskan ke OPD.",
        "Belum ada laporan. Begitu satu masuk, ia tampil di sini.",
        "0 hilang",
    ):
        assert sentence in page


async def test_the_board_says_how_triage_is_left(stats: StatsApp) -> None:
    """The board says that triage ends by an assignment."""
    assert "Triase ditinggalkan lewat penugasan" in (await stats.get("/")).text


async def test_the_published_period_is_compared_with_its_published_figures(stats: StatsApp) -> None:
    """The table has a tick for each figure that equals the published one, and none without the calls."""
    path = "/board/112?from=2024-01&to=2024-07"
    assert "≠" in (await stats.get(path)).text
    await stats.count(facts(*lifecycle.calls_of_2024()))
    table = (await stats.get(path)).text
    assert "≠" not in table
    assert table.count("✓") == 6
    assert "376" in table
    assert "tiruan" in table


async def test_history_is_no_open_work(stats: StatsApp) -> None:
    """Backfilled calls are counted, but do not appear as unconfirmed."""
    await stats.count(facts(*lifecycle.calls_of_2024()))
    page = (await stats.get("/")).text
    assert "376 riwayat" in page
    assert re.search(r"Belum dikonfirmasi OPD</dt><dd><strong>0<", page)


async def test_a_report_without_a_decision_is_seen(stats: StatsApp) -> None:
    """The conservation check changes from balanced to a warning."""
    await stats.count(facts(lifecycle.registered()))
    page = (await stats.get("/")).text
    assert "1 belum diputuskan" in page
    assert "periksa" in page


async def test_an_open_emergency_stands_out(stats: StatsApp) -> None:
    """An open emergency is shown in a card, in the list and to screen readers."""
    await stats.count(
        facts(lifecycle.registered(category="FIR-KEBAKARAN", lane="emergency"), lifecycle.decided(owner="BPBD"))
    )
    page = (await stats.get("/")).text
    assert "Darurat terbuka: 1, belum dikonfirmasi: 1." in page
    assert 'class="card emergency"' in page
    assert f'/laporan/{lifecycle.report_id(0)}">Kebakaran<' in page


async def test_the_board_says_when_its_source_is_away(stats: StatsApp) -> None:
    """While Kafka does not answer, the board does not show its figures as live."""
    async with stats.app.router.lifespan_context(stats.app):
        assert "Sumber data terputus" in (await stats.get("/")).text


async def test_a_report_has_a_page_with_history_and_why(stats: StatsApp) -> None:
    """The page of a report shows its history and the reason in Indonesian."""
    await stats.count(
        facts(
            lifecycle.registered(),
            lifecycle.decided(informed=["BPBD"]),
            lifecycle.delivery(state="failed", attempt=2),
            lifecycle.status_changed(to="resolved"),
        )
    )
    page = (await stats.get(f"/laporan/{lifecycle.report_id(0)}")).text
    for words in (
        "Lampu PJU padam",
        "Dinas Perhubungan",
        "Selesai",
        "Gagal, dicoba lagi",
        "The taxonomy names",
        "Tembusan",
    ):
        assert words in page


async def test_an_unknown_report_has_a_page_that_says_so(stats: StatsApp) -> None:
    """An unknown report gives a 404 page with Retry-After."""
    answer = await stats.get(f"/laporan/{lifecycle.report_id(5)}")
    assert (answer.status_code, answer.headers["retry-after"]) == (404, "1")
    assert "Belum dikenal" in answer.text


@pytest.mark.parametrize("query", ["from=2024-07&to=2024-01", "from=kemarin", "from=<script>"])
async def test_a_wrong_period_is_said_in_words(stats: StatsApp, query: str) -> None:
    """An invalid period gives a 422 page that does not repeat the input."""
    answer = await stats.get(f"/?{query}")
    assert answer.status_code == 422
    assert "Periode tidak dapat dipakai" in answer.text
    assert "<script>" not in answer.text
    part = await stats.get(f"/board/112?{query}")
    assert (part.status_code, "<html" in part.text) == (422, False)


async def test_what_others_wrote_is_shown_as_text(stats: StatsApp) -> None:
    """Markup in a department's update is escaped (bad input 3)."""
    changed = lifecycle.status_changed()
    hostile = changed.event.model_copy(update={"by": "<script>alert(1)</script>"})
    await stats.count(facts(lifecycle.registered(), lifecycle.received(changed.attributes.type, hostile)))
    page = (await stats.get(f"/laporan/{lifecycle.report_id(0)}")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_numbers_and_times_are_written_as_in_the_city() -> None:
    """Thousands have points, times are in Jakarta's zone, and months are Indonesian."""
    assert wording.number(14_012) == "14.012"
    assert wording.moment(START) == "20 Nov 2026 10.00.00"
    assert wording.short_moment(START, START) == "10.00.00"
    assert wording.short_moment(START.replace(day=18), START) == "18 Nov 10.00"
    assert wording.short_moment(START.replace(year=2024), START) == "20 Nov 2024 10.00"
    assert wording.month_name("2024-05") == "Mei 2024"


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "baru saja"), (59, "baru saja"), (60, "1 mnt"), (7_199, "1 jam"), (172_800, "2 hari")]
)
def test_spans_are_told_in_their_largest_unit(seconds: int, words: str) -> None:
    """A span has its largest unit, and a clock that is ahead gives no negative span."""
    assert wording.span(START, START.fromtimestamp(START.timestamp() + seconds, tz=START.tzinfo)) == words
