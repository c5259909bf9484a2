"""The baseline: a bare aiokafka loop that does the router's job; ``python -m benchmarks.contenders.bare``.

``--tuned`` makes it use uvloop, the CRC32 partitioner and lz4, as the services do. ``--same-records`` makes it write
the same bytes as the router, including the envelope.
"""

import argparse
import asyncio
import itertools
import signal
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.contenders.job import job_of
from shared.domain.lanes import Lane
from shared.events import topics
from shared.messaging.producer import partition_by_crc32
from shared.messaging.subscribing import BATCH_RECORDS, BATCH_WAIT_MS

LINGER_MS = 5
TUNED = {"partitioner": partition_by_crc32, "compression_type": "lz4"}


async def consume(options: argparse.Namespace) -> None:
    """Consume, route, publish with acks=all, commit, until SIGTERM."""
    tuning: dict[str, Any] = TUNED if options.tuned else {}
    consumer = AIOKafkaConsumer(
        topics.reports(Lane.ROUTINE),
        bootstrap_servers=options.servers,
        group_id=options.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=options.servers, acks="all", enable_idempotence=True, linger_ms=LINGER_MS, **tuning
    )
    job = job_of(same_records=options.same_records)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with consumer, producer:
        while not stopping.is_set():
            taken = await consumer.getmany(timeout_ms=BATCH_WAIT_MS, max_records=BATCH_RECORDS)
            futures = [
                await producer.send(out.topic, out.value, out.key, headers=out.headers)
                for record in itertools.chain.from_iterable(taken.values())
                for out in job(record.value, list(record.headers))
            ]
            if futures:
                await asyncio.gather(*futures)
                await consumer.commit()


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("servers")
    parser.add_argument("group")
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("--same-records", action="store_true")
    options = parser.parse_args()
    (uvloop.run if options.tuned else asyncio.run)(consume(options))


if __name__ == "__main__":
    main()
