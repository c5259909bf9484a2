"""FastStream as in its tutorial, one message per call; ``python -m benchmarks.contenders.idiom``."""

import asyncio
import sys

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker

from benchmarks.contenders.job import decided, routing_table
from shared.domain.lanes import Lane
from shared.events import topics
from shared.events.models import ReportSubmitted


async def consume(servers: str, group: str) -> None:
    """Consume until SIGTERM."""
    broker = KafkaBroker(servers, acks="all", enable_idempotence=True, logger=None)
    table = routing_table()

    @broker.subscriber(
        topics.reports(Lane.ROUTINE),
        group_id=group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def route(report: ReportSubmitted) -> None:
        decision = decided(report, table)
        key = str(report.report_id).encode()
        for target in decision.targets:
            await broker.publish(report, topics.opd(target.opd, Lane.ROUTINE), key=key)
        await broker.publish(decision, topics.LIFECYCLE, key=key)

    await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    asyncio.run(consume(sys.argv[1], sys.argv[2]))
