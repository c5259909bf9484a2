"""A small service on a real Kafka that publishes one record per report, built like the project's services."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from prometheus_client import CollectorRegistry

from shared.events.catalogue import SUBMITTED
from shared.events.models import ReportSubmitted
from shared.events.outgoing import OutgoingRecord
from shared.messaging.consumer import Consumer, ConsumerRow
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.received import Received, Record, event_parser
from shared.messaging.subscribing import Subscription
from shared.observability.metrics import MessagingMetrics
from shared.process.health import Health
from shared.settings import KafkaSettings, ServiceSettings

Report = Received[ReportSubmitted]
PARSE = event_parser({SUBMITTED: ReportSubmitted})


@dataclass
class Echo:
    """Publishes each report's id on ``out``; with ``broken`` every call of the handler raises, as after a bad deploy.

    ``unparsable`` are the values on which the parser raises an error that it should not.
    """

    kafka: KafkaSettings
    name: str
    batch: bool
    broken: bool = False
    unparsable: frozenset[bytes] = frozenset()
    health: Health = field(default_factory=Health)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    @property
    def topic(self) -> str:
        """The topic that it reads."""
        return f"{self.name}.in"

    @property
    def out(self) -> str:
        """The topic that it writes."""
        return f"{self.name}.out"

    @property
    def dead(self) -> str:
        """The topic of its dead letters."""
        return f"{self.name}.dlq.v1"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Consumer]:
        """Consume until the block ends, then stop in order."""
        stopping = asyncio.Event()
        consumer = self._build(stopping)
        task = asyncio.create_task(consumer.run(stopping))
        try:
            yield consumer
        finally:
            stopping.set()
            await consumer.stop()
            await task

    def _build(self, stopping: asyncio.Event) -> Consumer:
        settings = ServiceSettings(kafka=self.kafka, graceful_timeout=timedelta(seconds=5))
        self.registry, self.health = CollectorRegistry(), Health()  # the counters of a new process start at 0
        metrics = MessagingMetrics(self.registry)
        row = ConsumerRow(
            Subscription(group=self.name, topics=[self.topic], batch=self.batch), parse=self._parse, handle=self._answer
        )
        return Consumer(
            [row],
            service=self.name,
            lane=None,
            settings=settings,
            producer=EventProducer(partial(make_client, self.kafka), deadline=timedelta(seconds=3), metrics=metrics),
            metrics=metrics,
            health=self.health,
            stopping=stopping,
        )

    def _parse(self, record: Record) -> Report:
        if record.value in self.unparsable:
            raise RuntimeError("a fault in the parser")
        return PARSE(record)

    async def _answer(self, reports: Sequence[Report]) -> Sequence[OutgoingRecord]:
        if self.broken:
            raise RuntimeError("a bad deploy")
        return [OutgoingRecord(self.out, b"", str(report.event.report_id).encode(), []) for report in reports]
