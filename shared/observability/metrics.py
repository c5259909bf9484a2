"""The metrics that every service has. A service's own stand in its ``metrics.py``; all names begin with ``laksa_``.

Label values come from closed sets (topic, lane, code), never from report ids or text of a reporter.
"""

import collections
from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
END_TO_END_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)


def make_registry() -> CollectorRegistry:
    """A registry for this process, with the process's own metrics."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # unannotated in the library
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def count_by_topic(counter: Counter, names: Iterable[str], *labels: str) -> None:
    """Count records by topic: finding a labelled counter costs more than incrementing it."""
    for topic, count in collections.Counter(names).items():
        counter.labels(topic, *labels).inc(count)


class ConsumingMetrics:
    """Rate, errors and duration of consuming, and the records that were dead-lettered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.received = Counter(
            "laksa_records_received_total", "Records taken from Kafka, repeats included", ["topic"], registry=registry
        )
        self.settled = Counter(
            "laksa_records_settled_total",
            "Records whose fate was decided: done, dead_lettered, or returned to Kafka to be taken again",
            ["topic", "fate"],
            registry=registry,
        )
        self.handling = Histogram(
            "laksa_handling_seconds",
            "Time from taking a record, or a batch of them, to its fate",
            ["group"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.retries = Counter(
            "laksa_handling_retries_total",
            "Tries after the first one, in place",
            ["group", "reason"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "laksa_dead_letters_total", "Records given up on", ["service", "lane", "code"], registry=registry
        )
        self.halted = Gauge(
            "laksa_consumer_halted", "1 where a consumer stopped at its dead-letter limit", ["group"], registry=registry
        )
        self.lag = Gauge(
            "laksa_consumer_lag_records",
            "Records behind the end of the partition",
            ["group", "topic", "partition"],
            registry=registry,
        )


class PublishingMetrics:
    """Rate, errors and duration of publishing, and the backlog of the outbox."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.published = Counter(
            "laksa_records_published_total",
            "Records acknowledged by all in-sync replicas",
            ["topic"],
            registry=registry,
        )
        self.publishing = Histogram(
            "laksa_publishing_seconds",
            "Time until Kafka acknowledged a set of records",
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.publish_failures = Counter(
            "laksa_publish_failures_total",
            "Publishes without acknowledgement in time, by error",
            ["error"],
            registry=registry,
        )
        self.outbox_records = Gauge(
            "laksa_outbox_records",
            "Records committed here and not yet acknowledged by Kafka",
            ["lane"],
            registry=registry,
        )
        self.outbox_oldest = Gauge(
            "laksa_outbox_oldest_seconds",
            "Age of the oldest record not yet acknowledged by Kafka",
            ["lane"],
            registry=registry,
        )


class MessagingMetrics(ConsumingMetrics, PublishingMetrics):
    """The metrics of a process that consumes and publishes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ConsumingMetrics.__init__(self, registry)
        PublishingMetrics.__init__(self, registry)
