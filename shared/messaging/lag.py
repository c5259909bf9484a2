"""How far each subscription is behind the end of its partitions, as a metric."""

import contextlib
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from faststream.kafka.subscriber.usecase import LogicSubscriber

from shared.observability.metrics import MessagingMetrics

Lags = Mapping[tuple[str, TopicPartition], int]


class LagGauge:
    """Shows the lag of every partition that is assigned to this process."""

    def __init__(self, metrics: MessagingMetrics, subscribers: Mapping[str, LogicSubscriber[Any]]) -> None:
        self._metrics = metrics
        self._subscribers = subscribers
        self._shown: set[tuple[str, TopicPartition]] = set()

    async def measure(self) -> None:
        """Bring the gauge up to date."""
        lags: dict[tuple[str, TopicPartition], int] = {}
        for group, subscriber in self._subscribers.items():
            consumer = subscriber.consumer
            if consumer is None:
                continue
            # read at once: at any await the partitions may become another member's
            ends = [(partition, consumer.highwater(partition)) for partition in consumer.assignment()]
            for partition, end in ends:
                if end is None:
                    continue
                with contextlib.suppress(IllegalStateError):  # another member's by now
                    lags[group, partition] = max(0, end - await consumer.position(partition))
        self._show(lags)

    def _show(self, lags: Lags) -> None:
        """Show these, and forget the partitions that moved away: their new owner tells their lag."""
        for (group, partition), lag in lags.items():
            self._metrics.lag.labels(group, partition.topic, str(partition.partition)).set(lag)
        for group, partition in self._shown - set(lags):
            self._metrics.lag.remove(group, partition.topic, str(partition.partition))
        self._shown = set(lags)
