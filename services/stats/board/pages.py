"""The pages of the board, in Bahasa Indonesia."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi.sse import EventSourceResponse
from jinja2 import Environment, FileSystemLoader
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from services.stats.answers import ReportSummary
from services.stats.board import wording
from services.stats.board.feed import UNKNOWN_REVISION, LiveFeed
from services.stats.board.figures import board_figures
from services.stats.case_file import ReportLine, case_file, summary_of
from services.stats.labels import (
    CALL_TYPES,
    CHANNELS,
    HAPPENINGS,
    LANES,
    MODES,
    ROLES,
    label_of,
    public_status,
    status_label,
)
from services.stats.queries import StatsQueries
from services.stats.requests import MonthsQuery
from services.stats.windows import Window, day_of, month_of
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.domain.taxonomy import Rollup, Taxonomy
from shared.errors import DatabaseUnavailable
from shared.http.pages import PAGE_HEADERS
from shared.process.health import Health

FOLDER = Path(__file__).parent
LATEST = 13  # as many as fit on a wall screen beside the departments without scrolling
OPEN_EMERGENCIES = 6
PUBLISHED_PERIOD = ("2024-01", "2024-07")
KEPT_TABLES = 64  # number of periods whose 112 table is cached until the data change
_REVISION = re.compile(r"[0-9]{1,19}")


class Board:
    """Renders the pages. ``health`` is unready if the figures are not being updated."""

    def __init__(self, queries: StatsQueries, taxonomy: Taxonomy, health: Health) -> None:
        self._queries = queries
        self._taxonomy = taxonomy
        self._health = health
        self._tables: dict[tuple[int, Window], Mapping[str, int]] = {}
        self._templates = _templates(taxonomy)

    async def page(self, first: str | None, last: str | None) -> str:
        """The whole board, with the 112 table of a period (default: the current year).

        Raises:
            ValidationError: the period is not valid.
            DatabaseUnavailable: the database does not answer.
        """
        revision = await self._queries.revision()  # before the figures: the feed sends later facts
        calls = await self._calls_112(_months(first, last))
        return self._render("board.html", revision=revision, **await self._live(), **calls)

    async def live(self) -> str:
        """The part of the board that the feed updates."""
        return self._render("live.html", **await self._live())

    async def calls_112(self, first: str | None, last: str | None) -> str:
        """The 112 table of a period; errors as `page`."""
        return self._render("calls_112.html", **await self._calls_112(_months(first, last)))

    async def report(self, report_id: str) -> str | None:
        """The page of one report, or None if it is not known."""
        facts = await self._queries.facts_of(report_id)
        found = case_file(report_id, facts, self._taxonomy) if facts else None
        return self._render("report.html", report=found, now=datetime.now(UTC)) if found else None

    def notice(self, title: str, sentence: str) -> str:
        """A page with the reason why there is no content."""
        return self._render("notice.html", title=title, sentence=sentence)

    def short_notice(self, title: str, sentence: str) -> str:
        """The same notice as a part of a page."""
        return self._render("short_notice.html", title=title, sentence=sentence)

    async def _live(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        today = day_of(now)
        is_ready, _ = await self._health.ready()
        lines = await self._queries.accounts()
        return {
            "now": now,
            "is_current": is_ready,
            "figures": board_figures(
                lines,
                today=sum((await self._queries.counts_by("day", Window(today, today))).values()),
                failing=await self._queries.failing_deliveries(),
                taxonomy=self._taxonomy,
            ),
            "emergencies": [self._shown(line) for line in await self._queries.open_emergencies(OPEN_EMERGENCIES)],
            "latest": [self._shown(line) for line in await self._queries.latest(LATEST)],
        }

    def _shown(self, line: ReportLine) -> ReportSummary:
        return summary_of(line, self._taxonomy)

    async def _calls_112(self, period: MonthsQuery) -> dict[str, Any]:
        counts = await self._counts_112(period.window)
        is_published = (period.first, period.last) == PUBLISHED_PERIOD
        published = CALLS_112_TANGERANG_2024
        return {
            "period": period,
            "published_period": PUBLISHED_PERIOD,
            "published": published if is_published else None,
            "rows": [(line.key, line.label, counts.get(line.key, 0), published.parts[line.key]) for line in Rollup],
            "total": sum(counts.values()),
        }

    async def _counts_112(self, window: Window) -> Mapping[str, int]:
        """Query once for all viewers of a period, until the data change."""
        key = (await self._queries.revision(), window)
        if key not in self._tables:
            counts = await self._queries.calls_112(window)
            kept = {old: table for old, table in self._tables.items() if old[0] == key[0]}
            self._tables = {key: counts} if len(kept) >= KEPT_TABLES else {**kept, key: counts}
        return self._tables[key]

    def _render(self, name: str, **values: Any) -> str:
        return self._templates.get_template(name).render(**values)


def board_routes(board: Board, feed: LiveFeed) -> list[BaseRoute]:
    """The routes of the board."""

    async def page(request: Request) -> Response:
        first, last = request.query_params.get("from"), request.query_params.get("to")
        return await _answer(lambda: board.page(first, last), board.notice)

    async def calls_112(request: Request) -> Response:
        first, last = request.query_params.get("from"), request.query_params.get("to")
        return await _answer(lambda: board.calls_112(first, last), board.short_notice)

    async def report(request: Request) -> Response:
        return await _answer(lambda: board.report(str(request.path_params["report_id"])), board.notice)

    async def live(request: Request) -> Response:
        return EventSourceResponse(feed.stream(_shown_revision(request)), headers=dict(PAGE_HEADERS))

    return [
        Route("/", page),
        Route("/board/112", calls_112),
        Route("/board/live", live),
        Route("/laporan/{report_id:uuid}", report),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]


async def _answer(make: Callable[[], Awaitable[str | None]], notice: Callable[[str, str], str]) -> Response:
    """The page, or a notice with a title and the reason why there is none."""
    try:
        page = await make()
    except ValidationError:
        sentence = "Isi bulan sebagai TTTT-BB, dan akhir tidak sebelum awal."
        return HTMLResponse(notice("Periode tidak dapat dipakai", sentence), 422, headers=dict(PAGE_HEADERS))
    except DatabaseUnavailable:
        sentence = "Basis data tidak menjawab. Tidak ada laporan yang hilang; muat ulang halaman ini sebentar lagi."
        return HTMLResponse(notice("Papan belum tersedia", sentence), 503, headers={**PAGE_HEADERS, "retry-after": "2"})
    if page is None:
        sentence = "Laporan ini belum dihitung. Bila baru saja dikirim, muat ulang halaman ini sebentar lagi."
        return HTMLResponse(notice("Belum dikenal", sentence), 404, headers={**PAGE_HEADERS, "retry-after": "1"})
    return HTMLResponse(page, headers=dict(PAGE_HEADERS))


def _shown_revision(request: Request) -> int:
    """The revision that the viewer shows: of the last event before it reconnected, else of its page."""
    given = request.headers.get("last-event-id") or request.query_params.get("revision", "")
    return int(given) if _REVISION.fullmatch(given) else UNKNOWN_REVISION


def _months(first: str | None, last: str | None) -> MonthsQuery:
    today = day_of(datetime.now(UTC))
    return MonthsQuery.model_validate({"from": first or f"{today.year}-01", "to": last or month_of(today)})


def _templates(taxonomy: Taxonomy) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": wording.number,
        "moment": wording.moment,
        "short_moment": wording.short_moment,
        "span": wording.span,
        "month_name": wording.month_name,
        "status": status_label,
        "public": public_status,
        "opd_name": lambda code: label_of("opd", code, taxonomy),
        "kecamatan_name": lambda code: label_of("kecamatan", code, taxonomy),
    }
    environment.globals |= {
        "channels": CHANNELS,
        "call_types": CALL_TYPES,
        "lanes": LANES,
        "modes": MODES,
        "roles": ROLES,
        "happenings": HAPPENINGS,
    }
    return environment
