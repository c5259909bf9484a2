"""Reports per second and latency of intake, compared with a handler that only produces to Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson
import psutil

from benchmarks.contenders.bare_intake import TOPIC
from benchmarks.processes import running
from benchmarks.samples import call_body, report_body
from shared.messaging.topic_admin import TopicSpec, create_topics
from shared.messaging.topic_specs import WIDE
from shared.settings import KafkaSettings
from tests.support.processes.intake_process import KEYS, intake_process
from tests.support.processes.service_process import ServiceProcess
from tests.support.receivers import unused_port
from tests.support.waiting import eventually

ACCEPTED = 202
CONCURRENCY = 32
REQUESTS = 4_000
WARM_UP = 500
ROUNDS = 3
CALLS = 100
CALLS_PER_SECOND = 20.0
START_SECONDS = 60.0
IDLE_SECONDS = 2.0
TIMES_CAPACITY = 10
OPENING_SECONDS = 1.0  # until the load has reached its full rate
FLOOD_SECONDS = OPENING_SECONDS + CALLS / CALLS_PER_SECOND + 1.0


@dataclass(frozen=True, slots=True)
class Posted:
    """A 202: its latency in seconds, and its body."""

    seconds: float
    body: bytes


@dataclass
class Answers:
    """The latency of each 202 and the total duration, in seconds."""

    latencies: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def rate(self) -> float:
        """Return the 202s per second."""
        return len(self.latencies) / self.elapsed


@dataclass(frozen=True, slots=True)
class Flood:
    """The result of an open load, per second: reports offered, sent, accepted, and refused with 503.

    ``memory`` is the memory of intake's process at the end, in bytes.
    """

    offered: float
    sent: float
    accepted: float
    refused: float
    memory: int


@dataclass(frozen=True, slots=True)
class IntakeFigures:
    """One entry per round: reports to the bare handler and to intake, and 112 calls without and with a flood."""

    bare: list[Answers] = field(default_factory=list)
    intake: list[Answers] = field(default_factory=list)
    quiet_calls: list[Answers] = field(default_factory=list)
    loaded_calls: list[Answers] = field(default_factory=list)
    floods: list[Flood] = field(default_factory=list)


async def measure(kafka: KafkaSettings, directory: Path) -> IntakeFigures:
    """Measure all rounds; the two services alternate, with the same Kafka and the same client."""
    figures = IntakeFigures()
    await create_topics(kafka, [TopicSpec(TOPIC, WIDE, retention=None)])
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(client())
        bare = await stack.enter_async_context(_bare(kafka, directory, session))
        intake = await stack.enter_async_context(intake_process(directory, kafka))
        reports, calls = f"{intake.url}/v1/reports", f"{intake.url}/v1/calls"
        for url in (bare, reports):
            await _flood(session, url, WARM_UP)
        for _ in range(ROUNDS):
            figures.bare.append(await _flood(session, bare, REQUESTS))
            figures.intake.append(await _flood(session, reports, REQUESTS))
            figures.quiet_calls.append(await _steady_calls(session, calls))
            flooding = asyncio.create_task(_flooded(intake, directory, TIMES_CAPACITY * figures.intake[-1].rate))
            await asyncio.sleep(OPENING_SECONDS)
            figures.loaded_calls.append(await _steady_calls(session, calls))
            figures.floods.append(await flooding)
    return figures


def client() -> aiohttp.ClientSession:
    """Return a client that closes idle connections before uvicorn does (after 5 s), to avoid a race."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=IDLE_SECONDS))


@asynccontextmanager
async def _bare(kafka: KafkaSettings, directory: Path, session: aiohttp.ClientSession) -> AsyncIterator[str]:
    port = unused_port()
    module = ["benchmarks.contenders.bare_intake", kafka.bootstrap_servers, str(port)]
    async with running(module, directory / "bare-intake.log"):

        async def is_ready() -> bool:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health/ready") as answer:
                    return answer.ok
            except aiohttp.ClientError:
                return False

        await eventually(is_ready, START_SECONDS)
        yield f"http://127.0.0.1:{port}/v1/reports"


async def _flood(session: aiohttp.ClientSession, url: str, count: int) -> Answers:
    """Send reports, 32 at a time, as fast as they are answered."""
    answers = Answers()
    bodies = iter([orjson.dumps(report_body(number)) for number in range(count)])
    begun = time.perf_counter()
    await asyncio.gather(*(_send_all(session, url, "laksa", bodies, answers) for _ in range(CONCURRENCY)))
    answers.elapsed = time.perf_counter() - begun
    return answers


async def _send_all(
    session: aiohttp.ClientSession, url: str, channel: str, bodies: Iterator[bytes], answers: Answers
) -> None:
    for body in bodies:
        answers.latencies.append((await post(session, url, channel, body)).seconds)


async def post(session: aiohttp.ClientSession, url: str, channel: str, body: bytes) -> Posted:
    """Send one report or call, and return its 202.

    Raises:
        RuntimeError: the response has another status.
    """
    headers = {"X-API-Key": KEYS[channel], "Content-Type": "application/json"}
    begun = time.perf_counter()
    async with session.post(url, data=body, headers=headers) as answer:
        said = await answer.read()
        if answer.status != ACCEPTED:
            raise RuntimeError(f"{url} answered {answer.status}: {said.decode()}")
    return Posted(time.perf_counter() - begun, said)


async def _steady_calls(session: aiohttp.ClientSession, url: str) -> Answers:
    """Send 112 calls at a fixed rate; a slow call does not delay the next."""
    begun = time.perf_counter()
    sent = []
    for number in range(CALLS):
        sent.append(asyncio.create_task(post(session, url, "112", orjson.dumps(call_body(number)))))
        await asyncio.sleep(1 / CALLS_PER_SECOND)
    return Answers([posted.seconds for posted in await asyncio.gather(*sent)], time.perf_counter() - begun)


async def _flooded(intake: ServiceProcess, directory: Path, rate: float) -> Flood:
    """Offer routine reports at a fixed rate from a separate process, independent of the responses."""
    said = directory / "open-load.json"
    module = ["benchmarks.contenders.open_load", str(intake.port), str(rate), str(FLOOD_SECONDS)]
    said.unlink(missing_ok=True)
    async with running(module, said) as load:
        await load.wait()
    assert intake.process is not None  # noqa: S101  # it answers
    sent = orjson.loads(said.read_bytes())
    answers, seconds = sent["answers"], sent["seconds"]
    return Flood(
        offered=sent["offered"] / seconds,
        sent=sent["sent"] / seconds,
        accepted=answers.get("202", 0) / seconds,
        refused=answers.get("503", 0) / seconds,
        memory=psutil.Process(intake.process.pid).memory_info().rss,
    )
