"""Routers that start and stop continuously: no report is lost or counted twice."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from shared.db.engine import sqlite_url
from shared.domain.lanes import Lane
from shared.events import topics
from shared.events.models import ReportSubmitted
from shared.messaging.producer import EventProducer
from shared.settings import KafkaSettings
from tests.support.builders.stored_reports import ids_of, put_on_kafka, routine_reports
from tests.support.ledger import assert_counted_once, assert_routed_once
from tests.support.processes.fleet import Fleet, is_read_up, share_partitions
from tests.support.processes.service_process import ServiceProcess
from tests.support.waiting import eventually

SEED = 20_240_731
EVENTS = 20_000
ROUTERS = 4
RESTARTS = 8
LONGEST_LIFE = 2.0  # seconds from a router's readiness to its stop; some are stopped during the start


@pytest.mark.timeout(300)
async def test_each_report_is_routed_and_counted_once_however_often_routers_come_and_go(
    kafka: KafkaSettings, producer: EventProducer, processes: Fleet, tmp_path: Path
) -> None:
    """F13: 4 routers x 8 restarts by SIGINT or SIGKILL while 20,000 reports come: 0 lost, 0 counted twice (R2)."""
    print(f"rebalance storm, seed {SEED}")  # noqa: T201  # the seed makes a failure repeatable
    reports = routine_reports(EVENTS)
    stats = processes.stats(0, sqlite_url(tmp_path / "stats.db"))
    await stats.start()
    routers = [processes.router(number) for number in range(ROUTERS)]
    shares = _shares(reports, ROUTERS * RESTARTS)

    async def more_comes() -> None:
        await put_on_kafka(producer, next(shares))

    began = time.monotonic()
    await asyncio.gather(
        *(_come_and_go(router, random.Random(f"{SEED}-{number}"), more_comes) for number, router in enumerate(routers))
    )
    stormed = time.monotonic() - began
    assert next(shares, None) is None
    await share_partitions(topics.reports(Lane.ROUTINE), *routers)
    await is_read_up(kafka, "router-routine", topics.reports(Lane.ROUTINE), 60)
    repeats = await assert_routed_once(kafka, reports)
    await assert_counted_once(stats.url, ids_of(reports), 60)
    print(f"the storm took {stormed:.0f} s, all of it {time.monotonic() - began:.0f} s; {repeats}")  # noqa: T201


async def _come_and_go(
    router: ServiceProcess, chance: random.Random, more_comes: Callable[[], Awaitable[None]]
) -> None:
    """Start and stop a router repeatedly; it runs at the end."""
    for _ in range(RESTARTS):
        await more_comes()
        await router.launch()
        if chance.random() < 0.75:  # the others are stopped before they are ready
            await eventually(router.is_ready, 60)
        ends_at = time.monotonic() + chance.uniform(0.0, LONGEST_LIFE)
        await eventually(lambda at=ends_at: time.monotonic() >= at)  # type: ignore[misc]
        await router.end(chance.choice([signal.SIGINT, signal.SIGKILL]))
    await router.start()


def _shares(reports: list[ReportSubmitted], count: int) -> Iterator[list[ReportSubmitted]]:
    return (reports[number::count] for number in range(count))
