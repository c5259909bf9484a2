"""Reports per second of the routine router, compared with hand-written loops that do the same job."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.broker import Tail, preload
from benchmarks.contenders.environment import NotInstalled, contenders_python
from benchmarks.figures import slope, steady_rate
from benchmarks.processes import running
from benchmarks.samples import routine_records
from shared.events import topics
from shared.settings import KafkaSettings

RECORDS = 15_000
ROUNDS = 3
LONGEST_SECONDS = 15.0  # the time limit of the slowest contenders; a rate does not need the last record
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Rate:
    """Reports per second by the clock, and per second of the program's CPU time.

    Other load on the machine hardly changes the second rate; these loops are limited by one core.
    """

    clock: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Contender:
    """A program and its command; it writes one record to the lifecycle topic for each report."""

    name: str
    module: Sequence[str]
    longest_seconds: float = LONGEST_SECONDS
    apart: bool = False  # runs in the contenders' own environment

    def command(self, kafka: KafkaSettings) -> list[str]:
        """Return the arguments after ``python -m``."""
        if self.module[0].startswith("services."):
            return list(self.module)
        return [self.module[0], kafka.bootstrap_servers, f"bench-{self.name}", *self.module[1:]]


ROUTER = Contender("router", ("services.router", "--lane", "routine"))
BARE = Contender("bare", ("benchmarks.contenders.bare",))
SAME = Contender("same", ("benchmarks.contenders.bare", "--same-records"))
TUNED_SAME = Contender("tuned-same", ("benchmarks.contenders.bare", "--tuned", "--same-records"))
IDIOM = Contender("idiom", ("benchmarks.contenders.idiom",), longest_seconds=5.0)
QUIX = Contender("quix", ("benchmarks.contenders.quix",), apart=True)
QUIX_SAME = Contender("quix-same", ("benchmarks.contenders.quix", "--same-records"), apart=True)
BYTEWAX = Contender("bytewax", ("benchmarks.contenders.bytewax_flow",), apart=True)
BYTEWAX_SAME = Contender("bytewax-same", ("benchmarks.contenders.bytewax_flow", "--same-records"), apart=True)
LIBRDKAFKA = Contender("librdkafka", ("benchmarks.contenders.librdkafka",))
LIBRDKAFKA_SAME = Contender("librdkafka-same", ("benchmarks.contenders.librdkafka", "--same-records"))
# compared contenders run one after the other
CONTENDERS = (
    *(BARE, ROUTER, SAME, TUNED_SAME),
    *(QUIX_SAME, BYTEWAX_SAME, LIBRDKAFKA_SAME),
    *(QUIX, BYTEWAX, LIBRDKAFKA, IDIOM),
)


@dataclass(frozen=True, slots=True)
class RouterFigures:
    """The rates of each contender per round, and the reason why some have none."""

    rates: Mapping[str, list[Rate]]
    left_out: str | None


async def measure(kafka: KafkaSettings, directory: Path) -> RouterFigures:
    """Measure the reports per second of each contender; each round runs all contenders once."""
    python, left_out = None, None
    try:
        python = await asyncio.to_thread(contenders_python)
    except NotInstalled as error:
        left_out = str(error)
    available = [contender for contender in CONTENDERS if python or not contender.apart]
    rates: dict[str, list[Rate]] = {contender.name: [] for contender in available}
    for _ in range(ROUNDS):
        await asyncio.to_thread(preload, kafka, routine_records(RECORDS))
        for contender in available:
            chosen = python if contender.apart else None
            rates[contender.name].append(await _rate(contender, kafka, directory, chosen))
    return RouterFigures(rates, left_out)


async def _rate(contender: Contender, kafka: KafkaSettings, directory: Path, python: Path | None) -> Rate:
    looks: list[tuple[float, int]] = []  # seconds of CPU, records written
    tail = Tail(kafka, topics.LIFECYCLE)
    # Bytewax stores its offsets below TMPDIR
    variables = {"LAKSA_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "TMPDIR": str(directory)}
    log = directory / f"{contender.name}.log"
    try:
        async with running(contender.command(kafka), log, variables, python=python) as process:
            cpu = psutil.Process(process.pid)
            give_up_at = time.monotonic() + contender.longest_seconds
            while (count := tail.count()) < RECORDS and time.monotonic() < give_up_at:
                if process.returncode is not None:
                    raise RuntimeError(f"{contender.name} exited early")
                if count:  # the time before the first record is start-up
                    looks.append((sum(cpu.cpu_times()[:2]), count))
                await asyncio.sleep(LOOK_SECONDS)
        return Rate(steady_rate(tail.times()), slope(looks))
    finally:
        tail.close()
