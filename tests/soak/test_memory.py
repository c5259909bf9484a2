"""A long run: memory does not grow with the number of processed reports."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from shared.db.engine import sqlite_url
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.messaging.producer import EventProducer
from tests.support.builders.endpoints import endpoint
from tests.support.builders.stored_reports import put_on_kafka, routine_reports
from tests.support.kafka.client import real_producer
from tests.support.processes.fleet import fleet
from tests.support.processes.intake_process import KEYS, intake_process
from tests.support.processes.load import Load
from tests.support.processes.memory import MemoryLog
from tests.support.processes.service_process import ServiceProcess, kafka_with_topics
from tests.support.receivers import Receiver, receiver
from tests.support.waiting import eventually

SEED = 20_240_731
STEPS = 100
STORED = 1_800  # of each step's reports, written to Kafka as intake does
SENT = 200  # and by HTTP, in both lanes
REPORTS = STEPS * (STORED + SENT)
# One report in twenty has the only category of the pushed department; the other departments subscribe.
PUSHED = "ADM-DUKCAPIL"
CATEGORIES = (PUSHED, *("ENV-SAMPAH", "INF-JALAN", "SOC-BANTUAN", "DIS-POHON") * 5)[:20]
STEP_SECONDS = 60.0
PUSHES_BEHIND = 500  # keeps the push queue at the same length in every step


@pytest.mark.timeout(3_000)
async def test_memory_is_flat_over_200_000_reports(tmp_path: Path) -> None:
    """Memory in the last quarter is at most 1.05 x that of the second plus 4 MiB; all reports are counted."""
    async with _pipeline(tmp_path) as line:
        log = MemoryLog(line.services)
        began = time.monotonic()
        for step in range(STEPS):
            await line.take_step(step)
            log.sample()
        await line.is_even(REPORTS)
        await eventually(line.all_are_pushed, STEP_SECONDS)
        print(f"\n{REPORTS} reports in {time.monotonic() - began:.0f} s, seed {SEED}\n{log.table()}")  # noqa: T201
        grown = [name for name, found in log.quarters().items() if not found.is_flat]
        assert grown == [], f"Memory grows in {grown}:\n{log.table()}"


@dataclass
class _Line:
    """All services, the producers that feed them, and the receiver of their pushes."""

    services: dict[str, ServiceProcess]
    producer: EventProducer
    load: Load
    centre: Receiver
    pushes: int = 0

    async def take_step(self, number: int) -> None:
        """Send one step's reports; return when they are counted and few pushes are pending."""
        reports = routine_reports(STORED, first=number * STORED, categories=CATEGORIES)
        await asyncio.gather(put_on_kafka(self.producer, reports), self.load.send(SENT, concurrency=16))
        assert self.load.refused == []
        sent = list(self.load.accepted.values())[-SENT:]
        self.pushes += sum(report.category == PUSHED for report in reports)
        self.pushes += sum(body["category"] == PUSHED for body in sent)
        await self.is_even((number + 1) * (STORED + SENT))
        await self.centre.wait_for_pushes(self.pushes - PUSHES_BEHIND, STEP_SECONDS)

    async def is_even(self, reports: int) -> None:
        """Return when this many reports are counted, each with its decision."""
        told: dict[str, int] = {}

        async def are_counted() -> bool:
            async with httpx2.AsyncClient(timeout=30) as client:
                lanes = (await client.get(f"{self.services['stats'].url}/v1/conservation")).json().values()
            told.update({name: sum(lane[name] for lane in lanes) for name in ("accepted", "difference")})
            return told == {"accepted": reports, "difference": 0}

        try:
            await eventually(are_counted, STEP_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"Of {reports} reports stats counts {told}") from error

    def all_are_pushed(self) -> bool:
        """Return whether each delivery has arrived; check that none arrived twice."""
        assert len(self.centre.pushes) <= self.pushes
        return len({push.id for push in self.centre.pushes}) == self.pushes


@asynccontextmanager
async def _pipeline(directory: Path) -> AsyncIterator[_Line]:
    async with AsyncExitStack() as stack:
        kafka = await stack.enter_async_context(kafka_with_topics(directory))
        centre = await stack.enter_async_context(receiver())
        processes = await stack.enter_async_context(fleet(kafka, directory))
        owner = default_taxonomy().categories[PUSHED].opd
        known = [
            endpoint(code.lower(), code, centre.url if code == owner else None) for code in default_taxonomy().opds
        ]
        services = {"stats": processes.stats(0, sqlite_url(directory / "stats.db"))}
        for number, lane in enumerate(Lane):  # a separate number for each, so that two lanes share no folder
            services[f"router-{lane}"] = processes.router(number, lane)
            url = sqlite_url(directory / f"notifier-{lane}.db")
            services[f"notifier-{lane}"] = processes.notifier(number, url, known, lane)
        for service in services.values():
            await service.start()
        intake = await stack.enter_async_context(intake_process(directory, kafka))
        producer = real_producer(kafka)
        await producer.start()
        stack.push_async_callback(producer.stop)
        load = Load(intake.url, KEYS, run="soak", seed=SEED)
        yield _Line({"intake": intake, **services}, producer, load, centre)
