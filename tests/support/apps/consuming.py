"""A small service on a real Kafka: reports in, one record out for each, with everything that our services have."""

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
from shared.messaging.ack_rule import AckRule
from shared.messaging.consuming import Consumption
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.received import Received, event_parser
from shared.messaging.subscribing import Subscription, make_broker, subscribe
from shared.observability.metrics import MessagingMetrics
from shared.settings import KafkaSettings, ServiceSettings

Report = Received[ReportSubmitted]


@dataclass
class Echo:
    """Answers each report on ``out`` with its id; ``broken`` makes every handling raise, as a bad deploy does."""

    kafka: KafkaSettings
    name: str
    batch: bool
    broken: bool = False
    halted: list[str] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    @property
    def topic(self) -> str:
        """Where it reads."""
        return f"{self.name}.in"

    @property
    def out(self) -> str:
        """Where it answers."""
        return f"{self.name}.out"

    @property
    def dead(self) -> str:
        """Where it puts what it gave up on."""
        return f"{self.name}.dlq.v1"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Consumption]:
        """Consume until the block ends, then stop in order."""
        stopping = asyncio.Event()
        consumption = self._build(stopping)
        task = asyncio.create_task(consumption.run(stopping))
        try:
            yield consumption
        finally:
            stopping.set()
            await consumption.stop()
            await task

    def _build(self, stopping: asyncio.Event) -> Consumption:
        settings = ServiceSettings(kafka=self.kafka, graceful_timeout=timedelta(seconds=5))
        self.registry = CollectorRegistry()  # a new process counts anew
        metrics = MessagingMetrics(self.registry)
        producer = EventProducer(partial(make_client, self.kafka), deadline=timedelta(seconds=3), metrics=metrics)
        stops: set[asyncio.Task[None]] = set()

        def halt(reason: str) -> None:
            self.halted.append(reason)
            stops.add(asyncio.create_task(consumption.stop_group(self.name)))

        rule: AckRule[Report] = AckRule(
            group=self.name,
            parse=event_parser({SUBMITTED: ReportSubmitted}),
            handle=self._answer,
            producer=producer,
            dead_letters=DeadLetters(producer, service=self.name, lane=None, group=self.name, metrics=metrics),
            metrics=metrics,
            stopping=stopping,
            halt=halt,
        )
        broker = make_broker(settings)
        reading = Subscription(group=self.name, topics=[self.topic], batch=self.batch)
        consumption = Consumption(broker, producer, [subscribe(broker, reading, rule, settings=settings)], metrics)
        return consumption

    async def _answer(self, reports: Sequence[Report]) -> Sequence[OutgoingRecord]:
        if self.broken:
            raise RuntimeError("a bad deploy")
        return [OutgoingRecord(self.out, b"", str(report.event.report_id).encode(), []) for report in reports]
