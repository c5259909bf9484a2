"""The time from sending a report to its push to the department, per lane, idle and behind a queue."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml
from aiohttp import web

from benchmarks.broker import preload
from benchmarks.intake import client, post
from benchmarks.samples import call_body, report_body, routine_records
from services.cli.demo.call_centre import signed_headers
from services.notifier.migrate import MIGRATIONS as NOTIFIER_MIGRATIONS
from services.stats.migrate import MIGRATIONS as STATS_MIGRATIONS
from shared.db.engine import sqlite_url
from shared.db.migrating import upgrade
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.settings import KafkaSettings
from tests.support.builders.endpoints import secret
from tests.support.processes.intake_process import intake_process
from tests.support.processes.service_process import ServiceProcess
from tests.support.receivers import unused_port
from tests.support.waiting import eventually

REPORTS = 300
REPORTS_PER_SECOND = 10.0
WAITING = 100_000
PRELOADED_AT_ONCE = 20_000  # fits into librdkafka's queue
BEHIND = 20
ARRIVAL_SECONDS = 60.0
MIGRATIONS = {"services.notifier": NOTIFIER_MIGRATIONS, "services.stats": STATS_MIGRATIONS}


@dataclass
class CallCentre:
    """Receives the pushes of all departments, records the first arrival of each report, and acknowledges at once."""

    session: aiohttp.ClientSession
    url: str = ""
    came: dict[str, float] = field(default_factory=dict)
    _acknowledging: set[asyncio.Task[None]] = field(default_factory=set)

    async def take(self, request: web.Request) -> web.Response:
        """Handle one push."""
        now = time.perf_counter()
        push = orjson.loads(await request.read())
        self.came.setdefault(push["data"]["report_id"], now)
        if push["data"].get("lane") == Lane.EMERGENCY:  # routine pushes contain only the report's id
            task = asyncio.create_task(self._acknowledge(request, push["ack_url"]))
            self._acknowledging.add(task)
            task.add_done_callback(self._acknowledging.discard)
        return web.Response(status=204)

    async def _acknowledge(self, request: web.Request, url: str) -> None:
        body = b'{"by":"bench"}'
        name = request.match_info["endpoint"]
        headers = signed_headers(secret(name), request.headers["webhook-id"], body)
        async with self.session.post(url, data=body, headers=headers) as answer:
            await answer.read()


@dataclass(frozen=True, slots=True)
class EndToEndFigures:
    """Seconds from sending to the push, per lane; idle, and for emergencies with a queue of routine reports.

    ``queue_rate`` is how many of the queued reports were pushed per second; ``behind`` is how many routine reports sent
    after the queue were pushed, and ``watched`` is the observed time in seconds.
    """

    idle: dict[Lane, list[float]]
    beside_queue: list[float]
    queue_rate: float
    behind: int
    watched: float


async def measure(kafka: KafkaSettings, directory: Path) -> EndToEndFigures:
    """Measure both lanes idle, then emergencies while routine reports wait in Kafka."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(client())
        centre = await stack.enter_async_context(_call_centre(session))
        intake = (await stack.enter_async_context(intake_process(directory, kafka))).url
        for service in _services(kafka, directory, centre.url):
            stack.push_async_callback(service.kill_if_running)
            await _migrate(service)
            await service.start()
        sending = _Sending(session, intake, centre)
        await sending.calls(10)  # opens the first connections, inserts the first rows
        await sending.reports(10)
        idle = {Lane.EMERGENCY: await sending.calls(REPORTS), Lane.ROUTINE: await sending.reports(REPORTS)}
        await asyncio.to_thread(_fill_queue, kafka)
        begun, before = time.perf_counter(), len(centre.came)
        behind = await sending.post_reports(BEHIND)
        beside = await sending.calls(REPORTS)
        watched = time.perf_counter() - begun
        came = len(centre.came) - before - len(beside)
        return EndToEndFigures(idle, beside, came / watched, len(behind.keys() & centre.came.keys()), watched)


def _fill_queue(kafka: KafkaSettings) -> None:
    records = routine_records(WAITING)
    while part := list(islice(records, PRELOADED_AT_ONCE)):
        preload(kafka, part)


@dataclass(frozen=True, slots=True)
class _Sending:
    session: aiohttp.ClientSession
    intake: str
    centre: CallCentre

    async def calls(self, count: int) -> list[float]:
        return await self._arrivals(await self._post(f"{self.intake}/v1/calls", "112", count, call_body))

    async def reports(self, count: int) -> list[float]:
        return await self._arrivals(await self.post_reports(count))

    async def post_reports(self, count: int) -> dict[str, float]:
        """Send reports without waiting for pushes; return the id and the sending time of each."""
        return await self._post(f"{self.intake}/v1/reports", "laksa", count, report_body)

    async def _post(
        self, url: str, channel: str, count: int, make: Callable[[int], dict[str, Any]]
    ) -> dict[str, float]:
        """Send at a fixed rate."""
        sent: dict[str, float] = {}

        async def send(body: bytes) -> None:
            begun = time.perf_counter()
            accepted = await post(self.session, url, channel, body)
            sent[orjson.loads(accepted.body)["report_id"]] = begun

        sending = []
        for number in range(count):
            sending.append(asyncio.create_task(send(orjson.dumps(make(number)))))
            await asyncio.sleep(1 / REPORTS_PER_SECOND)
        await asyncio.gather(*sending)
        return sent

    async def _arrivals(self, sent: dict[str, float]) -> list[float]:
        """Wait until all reports were pushed; return the seconds that each took."""
        await eventually(lambda: sent.keys() <= self.centre.came.keys(), ARRIVAL_SECONDS)
        return [self.centre.came[report_id] - begun for report_id, begun in sent.items()]


@asynccontextmanager
async def _call_centre(session: aiohttp.ClientSession) -> AsyncIterator[CallCentre]:
    centre = CallCentre(session)
    app = web.Application()
    app.add_routes([web.post("/push/{endpoint}", centre.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    centre.url = f"http://127.0.0.1:{port}/push"
    try:
        yield centre
    finally:
        await runner.cleanup()


def _services(kafka: KafkaSettings, directory: Path, receiver: str) -> Sequence[ServiceProcess]:
    """All services except intake, each on its own database, pushing to one receiver."""
    endpoints = directory / "endpoints.yaml"
    entries = [
        {
            "id": opd.lower(),
            "opd": opd,
            "kind": "webhook",
            "url": f"{receiver}/{opd.lower()}",
            "secret": secret(opd.lower()),
        }
        for opd in default_taxonomy().opds
    ]
    endpoints.write_text(yaml.safe_dump({"endpoints": entries}))
    endpoints.chmod(0o600)
    made = [_service(kafka, directory, "stats", LAKSA_DATABASE_URL=sqlite_url(directory / "stats.db"))]
    for lane in Lane:
        made.append(_service(kafka, directory, "router", lane))
        notifier = _service(
            kafka,
            directory,
            "notifier",
            lane,
            LAKSA_DATABASE_URL=sqlite_url(directory / f"notifier-{lane}.db"),
            LAKSA_ENDPOINTS_FILE=str(endpoints),
        )
        notifier.settings["LAKSA_PUBLIC_URL"] = notifier.url
        made.append(notifier)
    return made


async def _migrate(service: ServiceProcess) -> None:
    url, migrations = service.settings.get("LAKSA_DATABASE_URL"), MIGRATIONS.get(service.command[0])
    if url and migrations:
        await upgrade(url, migrations)


def _service(
    kafka: KafkaSettings, directory: Path, name: str, lane: Lane | None = None, **settings: str
) -> ServiceProcess:
    own = directory / f"{name}-{lane or 'all'}"  # otherwise two lanes of one service share a log
    own.mkdir()
    command = [f"services.{name}", *(["--lane", lane.value] if lane else [])]
    return ServiceProcess(command, kafka, own, dict(settings))
