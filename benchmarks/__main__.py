"""Run all benchmarks and write ``docs/benchmarks.md``: ``python -m benchmarks``."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import end_to_end, intake, router, stats
from benchmarks.document import page
from benchmarks.machine import machine
from services.cli.run.embedded_kafka import EmbeddedKafka
from shared.domain.taxonomy import default_taxonomy
from shared.messaging import topic_specs
from shared.messaging.topic_admin import create_topics

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


async def measure_all(directory: Path) -> str:
    """Return the page. Each part has its own Kafka, so that the data of one part does not affect another."""
    begun = time.monotonic()
    tell("router")
    async with _broker(directory / "router") as broker:
        routing = await router.measure(broker.connection(), directory / "router")
    tell("intake")
    async with _broker(directory / "intake") as broker:
        taking = await intake.measure(broker.connection(), directory / "intake")
    tell("end to end")
    async with _broker(directory / "end-to-end") as broker:
        pushing = await end_to_end.measure(broker.connection(), directory / "end-to-end")
        version = broker.describe().split()[3]
    tell("stats")
    counting = await stats.measure(directory)
    return page(
        machine=machine(version),
        minutes=(time.monotonic() - begun) / 60,
        routing=routing,
        taking=taking,
        pushing=pushing,
        counting=counting,
    )


@asynccontextmanager
async def _broker(directory: Path) -> AsyncIterator[EmbeddedKafka]:
    directory.mkdir()  # noqa: ASYNC240  # nothing else runs on the loop yet
    async with EmbeddedKafka(directory / "var") as broker:
        await create_topics(broker.connection(), topic_specs.all_topics(default_taxonomy().opds))
        yield broker


def tell(part: str) -> None:
    """Print which part is being measured, because a run takes minutes."""
    sys.stderr.write(f"measuring: {part}\n")


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory(prefix="laksa-bench-") as directory:
        written = asyncio.run(measure_all(Path(directory)))
    PAGE.write_text(written, encoding="utf-8")
    sys.stderr.write(f"written: docs/{PAGE.name}\n")


if __name__ == "__main__":
    main()
