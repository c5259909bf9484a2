"""The consumer of a service: all its subscriptions under the ack rule, for as long as the service runs.

A service says in its ``handlers.py`` what it reads, as rows; everything else about consuming is here: the rule and
its dead letters, connecting when Kafka is there, the lag, the stop of a group at its dead-letter limit, the end.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka.subscriber.usecase import LogicSubscriber

from shared.domain.lanes import Lane
from shared.errors import BrokerUnavailable, TopicMissing
from shared.messaging.ack_rule import AckRule, Fallback, Handle, Parse, Settling, T, no_fallback
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.lag import LagGauge
from shared.messaging.producer import EventProducer
from shared.messaging.subscribing import Subscription, make_broker, subscribe
from shared.observability.logs import logger
from shared.observability.metrics import MessagingMetrics
from shared.process.health import Health
from shared.settings import ServiceSettings

CONNECT_SECONDS = 1.0
LAG_SECONDS = 2.0
STOP_SECONDS = 13.0  # more than what the broker gives the work in hand; with the producer's 4 s still less than 20
NOT_YET = "Not consuming from Kafka yet"

log = logger(__name__)


def unchanged(rule: Settling) -> Settling:
    """The ack rule alone settles the records of a row."""
    return rule


@dataclass(frozen=True, slots=True)
class ConsumerRow(Generic[T]):
    """One row of a service's map: what it reads, as what, who handles it, and where a bad record goes besides.

    ``wrap`` may put something around the ack rule that watches the records come and go.
    """

    subscription: Subscription
    parse: Parse[T]
    handle: Handle[T]
    fallback: Fallback = no_fallback
    wrap: Callable[[Settling], Settling] = unchanged


class Consumer:
    """The Kafka side of one process: its producer and all its subscriptions.

    A service starts without Kafka: the consumer keeps trying, and the service is not ready meanwhile.
    """

    def __init__(
        self,
        rows: Sequence[ConsumerRow[Any]],
        *,
        service: str,
        lane: Lane | None,
        settings: ServiceSettings,
        producer: EventProducer,
        metrics: MessagingMetrics,
        health: Health,
        stopping: asyncio.Event,
    ) -> None:
        self._service = service
        self._lane = lane
        self._producer = producer
        self._metrics = metrics
        self._health = health
        self._stopping = stopping
        self.broker = make_broker(settings)
        self.subscribers: Mapping[str, LogicSubscriber[Any]] = {
            row.subscription.group: subscribe(
                self.broker, row.subscription, row.wrap(self._make_rule(row)), settings=settings
            )
            for row in rows
        }
        self._lag = LagGauge(metrics, self.subscribers)
        self._consuming = False
        self._waits_for = NOT_YET
        self._stopped: dict[str, asyncio.Task[None]] = {}  # asyncio itself holds only weak references to its tasks
        health.add("kafka", self.check)

    async def run(self, stopping: asyncio.Event) -> None:
        """Connect, however long it takes, then measure the lag until told to stop.

        A stop cancels pending Kafka calls: aiokafka's group calls have no timeout.

        Raises:
            ConfigurationError: Kafka is set up so that records could be lost.
        """
        working = asyncio.create_task(self._work())
        told = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:  # also if this task is cancelled: otherwise the work would go on and nobody could stop it
            told.cancel()
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working

    async def stop(self) -> None:
        """Finish what is in hand, give the partitions back, then close the producer; gives up in time (promise W3)."""
        self._consuming = False
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*self._stopped.values())
                await self.broker.stop()
        except (KafkaError, OSError, TimeoutError, ExceptionGroup) as error:
            log.warning("The consumers did not leave in order", error=type(error).__name__)
        await self._producer.stop()

    async def check(self) -> None:
        """Whether every subscription is consuming and Kafka answers.

        Raises:
            BrokerUnavailable: not yet, or no longer.
        """
        if not self._consuming:
            raise BrokerUnavailable(self._waits_for)
        await self._producer.check()

    def end_of(self, group: str, partition: TopicPartition) -> int | None:
        """Where a partition ends, as far as this consumer knows; None where it is not assigned to it."""
        consumer = self.subscribers[group].consumer
        if consumer is None or partition not in consumer.assignment():
            return None
        return consumer.highwater(partition) or 0

    def _make_rule(self, row: ConsumerRow[T]) -> AckRule[T]:
        group = row.subscription.group
        return AckRule(
            group=group,
            parse=row.parse,
            handle=row.handle,
            producer=self._producer,
            dead_letters=DeadLetters(
                self._producer, service=self._service, lane=self._lane, group=group, metrics=self._metrics
            ),
            metrics=self._metrics,
            stopping=self._stopping,
            stop_consuming=lambda reason: self._stop_consuming(group, reason),
            fallback=row.fallback,
        )

    def _stop_consuming(self, group: str, reason: str) -> None:
        """Stop one group for good and say so; the other groups go on."""
        self._health.mark_unready(reason)
        self._stopped[group] = asyncio.create_task(self._stop_group(group), name=f"stop {group}")

    async def _stop_group(self, group: str) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.subscribers[group].stop()
        except Exception as error:  # noqa: BLE001  # whatever it is, the rule of a stopped group takes nothing more
            log.warning("A stopped group did not leave in order", group=group, error=type(error).__name__)

    async def _work(self) -> None:
        while not self._consuming:
            await self._connect()
        while True:
            await self._lag.measure()
            await asyncio.sleep(LAG_SECONDS)

    async def _connect(self) -> None:
        try:
            await self._producer.start()
            await self.broker.start()
        except (BrokerUnavailable, KafkaError, OSError) as error:
            self._waits_for = str(error) if isinstance(error, TopicMissing) else NOT_YET
            log.warning("Kafka is not ready for us, trying again", error=type(error).__name__, reason=str(error))
            with contextlib.suppress(KafkaError, OSError, ExceptionGroup):
                await self.broker.stop()
            await asyncio.sleep(CONNECT_SECONDS)
        else:
            for group in [*self._stopped]:  # a group that stopped before another one could start was started again
                await self._stop_group(group)
            self._consuming = True
            log.info("Consuming from Kafka", groups=[*self.subscribers.keys() - self._stopped.keys()])
