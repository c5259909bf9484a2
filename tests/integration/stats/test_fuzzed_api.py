"""For any request, the API of stats answers as documented in OpenAPI and its board with a page, never with a 5xx (I7).

All operations are public reads without personal data, so there is no authentication to test.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from services.stats.app import open_store
from services.stats.settings import StatsSettings
from shared.db.engine import sqlite_url
from shared.db.migrating import upgrade
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import facts
from tests.support.fuzzing import (
    EXAMPLES,
    MODES,
    SEED,
    WAIT_SECONDS,
    check_refusals,
    documented_methods,
    kept_running,
    read_openapi,
    send_much,
)
from tests.support.processes.environment import kafka_at
from tests.support.processes.service_process import PROJECT, READY_SECONDS, ServiceProcess
from tests.support.receivers import unused_port
from tests.support.waiting import eventually

REPORTS = 5
ONE = "/v1/reports/{report_id}"
PAGES = ("/", "/board/112", "/laporan/{report_id}")


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """The service, its OpenAPI document, and values that exist in it."""

    url: str
    api: OpenApiSchema
    known: dict[str, list[str]]


@asynccontextmanager
async def counted_stats(directory: Path) -> AsyncIterator[str]:
    """A real stats process without Kafka, on a database in which some reports have been counted."""
    kafka, url = kafka_at(unused_port()), sqlite_url(directory / "stats.db")
    await upgrade(url, PROJECT / "services/stats/migrations")
    async with open_store(StatsSettings(kafka=kafka, database_url=url)) as store:
        for number in range(REPORTS):
            delivered = [lifecycle.delivery(number), lifecycle.delivery(number, "failed", attempt=2)]
            life = [
                lifecycle.registered(number),
                lifecycle.decided(number),
                lifecycle.status_changed(number),
                *delivered,
            ]
            await store.record_facts(facts(*life[: number + 1]))
    stats = ServiceProcess(["services.stats"], kafka, directory, {"LAKSA_DATABASE_URL": url})
    try:
        await stats.launch()
        await eventually(stats.is_live, READY_SECONDS)
        yield stats.url
    finally:
        await stats.kill_if_running()


@pytest.fixture(scope="module")
def stats_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """One service for all tests of this file."""
    with kept_running(counted_stats(tmp_path_factory.mktemp("stats"))) as url:
        first_page = httpx2.get(f"{url}/v1/reports", params={"limit": 2}).json()
        known = {
            "report_id": [str(lifecycle.report_id(number)) for number in range(REPORTS)],
            "cursor": [first_page["next"]],
            "opd": ["DISHUB"],
        }
        yield Fuzzed(url, read_openapi(url), known)


@pytest.mark.parametrize("mode", MODES)
def test_no_input_breaks_the_interface(stats_api: Fuzzed, mode: GenerationMode) -> None:
    """Valid and invalid requests, for existing and other reports, get documented responses."""
    assert documented_methods(stats_api.api).keys() == {
        "/v1/stats/112",
        "/v1/stats",
        "/v1/conservation",
        "/v1/reports",
        ONE,
    }
    seen = send_much(stats_api.api, mode, known=stats_api.known)
    if mode is GenerationMode.POSITIVE:
        assert seen.pop(ONE) == {200, 404}
        assert all(200 in statuses for statuses in seen.values()), seen


def test_other_methods_and_paths_are_refused(stats_api: Fuzzed) -> None:
    """Other methods get a 405 with Allow, other paths a 404 (bad input 5)."""
    check_refusals(stats_api.url, stats_api.api, known=stats_api.known)


@pytest.mark.parametrize("page", PAGES)
def test_the_board_answers_whatever_stands_in_the_address(stats_api: Fuzzed, page: str) -> None:
    """Any address gets a page or a notice whose policy forbids inline scripts, and input is never echoed as markup."""
    months, ids = ["2024-01", "2024-07", ""], stats_api.known["report_id"]
    seen: set[int] = set()
    with httpx2.Client(base_url=stats_api.url, timeout=WAIT_SECONDS) as client:

        @seed(SEED)
        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(*[st.sampled_from(months) | st.text(max_size=50)] * 2, st.sampled_from(ids) | st.uuids().map(str))
        def ask(first: str, last: str, report_id: str) -> None:
            asked = {"from": first, "to": last, "<b>": "<script>x</script>"}
            answer = client.get(page.format(report_id=report_id), params=asked)
            seen.add(answer.status_code)
            assert answer.status_code in {200, 404, 422}
            assert answer.headers["content-type"].startswith("text/html")
            assert "<script>x" not in answer.text

        ask()
    assert 200 in seen
