"""The API of stats: counts, accounts, and reports without personal data."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.stats.accounting import conservation
from services.stats.answers import Accounts, Calls112, CountRow, Counts, LaneAccounts, ReportDetail, ReportPage
from services.stats.case_file import case_file, summary_of
from services.stats.labels import label_of
from services.stats.queries import Position, StatsQueries
from services.stats.requests import CountsQuery, MonthsQuery, ReportsQuery, cursor_of
from shared.domain.lanes import Lane
from shared.domain.taxonomy import Rollup, Taxonomy
from shared.http.problems import Problem, documented_problems

RETRY_SECONDS = 1  # a report is usually counted much sooner


class StatsApi:
    """The operations of the API; each may raise DatabaseUnavailable, which becomes a 503."""

    def __init__(self, queries: StatsQueries, taxonomy: Taxonomy) -> None:
        self._queries = queries
        self._taxonomy = taxonomy

    async def calls_112(self, period: Annotated[MonthsQuery, Query()]) -> Calls112:
        """The published 112 report: normal calls per roll-up, by the day in Jakarta on which they occurred."""
        counts = await self._queries.calls_112(period.window)
        rows = [CountRow(key=line.key, label=line.label, count=counts.get(line.key, 0)) for line in Rollup]
        return Calls112(total=sum(row.count for row in rows), rows=rows)

    async def counts(self, asked: Annotated[CountsQuery, Query()]) -> Counts:
        """Reports by one dimension: days in order, other values by count, largest first. Exercises are not counted."""
        counts = await self._queries.counts_by(asked.group_by, asked.window)
        ordered = sorted(counts.items(), key=lambda item: item if asked.group_by == "day" else (-item[1], item[0]))
        rows = [
            CountRow(key=key, label=label_of(asked.group_by, key, self._taxonomy), count=count)
            for key, count in ordered
        ]
        return Counts(group_by=asked.group_by, total=sum(counts.values()), rows=rows)

    async def accounts(self) -> Accounts:
        """Per lane: accepted reports, their first decisions, and the difference, which should be 0."""
        lanes = conservation(await self._queries.accounts())
        emergency, routine = (
            LaneAccounts(**asdict(lanes[lane]), difference=lanes[lane].difference)
            for lane in (Lane.EMERGENCY, Lane.ROUTINE)
        )
        return Accounts(emergency=emergency, routine=routine)

    async def reports(self, asked: Annotated[ReportsQuery, Query()]) -> ReportPage:
        """Reports, the latest received first. Exercises are included, marked by their mode."""
        lines = await self._queries.reports(asked.wanted, asked.limit + 1, asked.after)
        shown, has_more = lines[: asked.limit], len(lines) > asked.limit
        return ReportPage(
            reports=[summary_of(line, self._taxonomy) for line in shown],
            next=cursor_of(Position(shown[-1].registration.received_at, shown[-1].report_id)) if has_more else None,
        )

    async def report(self, report_id: UUID) -> ReportDetail:
        """One report: its departments, deliveries, history and the reason of its routing."""
        facts = await self._queries.facts_of(str(report_id))
        found = case_file(str(report_id), facts, self._taxonomy) if facts else None
        if found is None:
            raise Problem(
                404,
                "not_yet_known",
                "Not known yet",
                "No such report has been counted. If it was just accepted, repeat the request in a few seconds.",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        return found


def api_routes(api: StatsApi) -> APIRouter:
    """The routes of the API."""
    routes = APIRouter(tags=["stats"], responses=documented_problems(422, 503))
    routes.add_api_route("/v1/stats/112", api.calls_112, response_model=Calls112)
    routes.add_api_route("/v1/stats", api.counts, response_model=Counts)
    routes.add_api_route("/v1/conservation", api.accounts, response_model=Accounts)
    routes.add_api_route("/v1/reports", api.reports, response_model=ReportPage)
    routes.add_api_route(
        "/v1/reports/{report_id}",
        api.report,
        response_model=ReportDetail,
        responses=documented_problems(404),
    )
    return routes
