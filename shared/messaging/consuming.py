"""Consuming for as long as the service runs: connect when Kafka is there, say whether it is, measure the lag, stop."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faststream.kafka import KafkaBroker
from faststream.kafka.subscriber.usecase import LogicSubscriber

from shared.errors import BrokerUnavailable, TopicMissing
from shared.messaging.producer import EventProducer
from shared.observability.logs import logger
from shared.observability.metrics import MessagingMetrics

CONNECT_SECONDS = 1.0
LAG_SECONDS = 2.0
STOP_SECONDS = 13.0  # more than what the broker gives the work in hand; with the producer's 4 s still less than 20
NOT_YET = "Not consuming from Kafka yet"

log = logger(__name__)


class Consumption:
    """The Kafka side of one process: its producer and all its subscriptions.

    A service starts without Kafka: it keeps trying, and is not ready meanwhile.
    """

    def __init__(
        self,
        broker: KafkaBroker,
        producer: EventProducer,
        subscribers: Sequence[LogicSubscriber[Any]],
        metrics: MessagingMetrics,
    ) -> None:
        self._broker = broker
        self._producer = producer
        self._subscribers = subscribers
        self._metrics = metrics
        self._consuming = False
        self._waits_for = NOT_YET
        self._measured: set[tuple[str, TopicPartition]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Connect, however long it takes, then measure the lag until told to stop.

        Being told ends whatever is waited for: asked for its group or a position, a client waits for Kafka without end.

        Raises:
            ConfigurationError: Kafka is set up so that records could be lost.
        """
        working = asyncio.create_task(self._work())
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working

    async def stop(self) -> None:
        """Finish what is in hand, give the partitions back, then close the producer; gives up in time (promise W3)."""
        self._consuming = False
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._broker.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("The consumers did not leave in order", error=type(error).__name__)
        await self._producer.stop()

    async def _work(self) -> None:
        while not self._consuming:
            await self._connect()
        while True:
            await self._measure_lag()
            await asyncio.sleep(LAG_SECONDS)

    async def _connect(self) -> None:
        try:
            await self._producer.start()
            await self._broker.start()
        except (BrokerUnavailable, KafkaError, OSError) as error:
            self._waits_for = str(error) if isinstance(error, TopicMissing) else NOT_YET
            log.warning("Kafka is not ready for us, trying again", error=type(error).__name__, reason=str(error))
            with contextlib.suppress(KafkaError, OSError):
                await self._broker.stop()
            await asyncio.sleep(CONNECT_SECONDS)
        else:
            self._consuming = True
            log.info("Consuming from Kafka", groups=[subscriber.group_id for subscriber in self._subscribers])

    async def stop_group(self, group: str) -> None:
        """Stop the subscriptions of one consumer group; the rest go on."""
        for subscriber in self._subscribers:
            if subscriber.group_id == group:
                await subscriber.stop()

    async def check(self) -> None:
        """Whether every subscription is consuming and Kafka answers.

        Raises:
            BrokerUnavailable: not yet, or no longer.
        """
        if not self._consuming:
            raise BrokerUnavailable(self._waits_for)
        await self._producer.check()

    async def _measure_lag(self) -> None:
        lags: dict[tuple[str, TopicPartition], int] = {}
        for subscriber in self._subscribers:
            consumer = subscriber.consumer
            if consumer is None:
                continue
            # read at once: at any await the partitions may become another member's
            ends = [(place, consumer.highwater(place)) for place in consumer.assignment()]
            for place, end in ends:
                if end is None:
                    continue
                with contextlib.suppress(IllegalStateError):  # another member's by now
                    lags[subscriber.group_id or "", place] = max(0, end - await consumer.position(place))
        self._show(lags)

    def _show(self, lags: Mapping[tuple[str, TopicPartition], int]) -> None:
        """Show these, and forget the partitions that moved away: their new owner tells their lag."""
        for (group, place), lag in lags.items():
            self._metrics.lag.labels(group, place.topic, str(place.partition)).set(lag)
        for group, place in self._measured - set(lags):
            self._metrics.lag.remove(group, place.topic, str(place.partition))
        self._measured = set(lags)
