"""A rolling restart of all services under load, as in an upgrade."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.db.engine import sqlite_url
from shared.domain.identity import delivery_id
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.settings import KafkaSettings
from tests.support.builders.endpoints import endpoint
from tests.support.ledger import assert_counted_once
from tests.support.processes.fleet import Fleet
from tests.support.processes.intake_process import KEYS, intake_process
from tests.support.processes.load import Load, read_topics
from tests.support.processes.service_process import ServiceProcess
from tests.support.receivers import Receiver, receiver
from tests.support.waiting import eventually

SEED = 20_240_731
AT_ONCE = 20
PACE_SECONDS = 0.5  # limits the load to some thousand reports


@pytest.mark.timeout(300)
async def test_a_rolling_stop_of_every_service_loses_and_repeats_nothing(
    kafka: KafkaSettings, processes: Fleet, postgres: str, tmp_path: Path
) -> None:
    """F36, W3: on SIGTERM under load each service stops in 20 s; each 202 is counted and each delivery pushed once."""
    async with receiver() as centre, _pipeline(kafka, processes, postgres, tmp_path, centre) as line:
        load = Load(line.intake.url, KEYS, run="rolling", seed=SEED)
        rolling = asyncio.create_task(line.roll())
        while not rolling.done():
            await load.send(AT_ONCE)
            await asyncio.wait({rolling}, timeout=PACE_SECONDS)
        await rolling
        await load.send(AT_ONCE)
        assert load.refused == []
        await assert_counted_once(line.stats.url, load.accepted, 60)
        await _assert_pushed_once(kafka, centre)
        print(f"{len(load.accepted)} reports, the longest stop took {line.longest_stop:.1f} s")  # noqa: T201


@dataclass
class _Line:
    intake: ServiceProcess
    stats: ServiceProcess
    others: list[ServiceProcess]
    longest_stop: float = 0.0

    async def roll(self) -> None:
        """Stop and start each service, one after the other."""
        for service in (self.intake, *self.others, self.stats):
            began = time.monotonic()
            await service.stop()
            self.longest_stop = max(self.longest_stop, time.monotonic() - began)
            await service.start()


@asynccontextmanager
async def _pipeline(
    kafka: KafkaSettings, processes: Fleet, postgres: str, directory: Path, centre: Receiver
) -> AsyncIterator[_Line]:
    """Two routers and two notifiers for the routine lane, one of each for emergencies, which are not pushed."""
    opds = sorted(default_taxonomy().opds)
    pushed = [endpoint(code.lower(), code, centre.url) for code in opds]
    subscribing = [endpoint(code.lower(), code, None) for code in opds]
    stats = processes.stats(0, sqlite_url(directory / "stats.db"))
    others = [
        *(processes.router(number) for number in range(2)),
        processes.router(2, Lane.EMERGENCY),
        *(processes.notifier(number, postgres, pushed) for number in range(2)),
        processes.notifier(2, sqlite_url(directory / "emergency.db"), subscribing, Lane.EMERGENCY),
    ]
    for service in (stats, *others):
        await service.start()
    async with AsyncExitStack() as stack:
        intake = await stack.enter_async_context(intake_process(directory, kafka))
        yield _Line(intake, stats, others)


async def _assert_pushed_once(kafka: KafkaSettings, centre: Receiver) -> None:
    """Check that each record on a department's routine topic was pushed to it exactly once."""
    placed = await read_topics(kafka, r"^opd\..*\.routine\.v1$")
    wanted = {
        str(delivery_id(headers["ce_id"], topic.split(".")[1]))
        for topic, by_report in placed.items()
        for records in by_report.values()
        for headers in records
    }
    await eventually(lambda: wanted <= {push.id for push in centre.pushes}, 60)
    doubled = [name for name, count in Counter(push.id for push in centre.pushes).items() if count > 1]
    assert doubled == [], f"pushed more than once: {doubled}"
