"""The metrics of stats, in addition to those of every service."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.observability.metrics import END_TO_END_BUCKETS


class StatsMetrics:
    """Counted facts, their delay, and the difference of the accounts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.applied = Counter(
            "laksa_facts_applied_total", "Facts counted, each event id once", ["type"], registry=registry
        )
        self.duplicates = Counter("laksa_facts_duplicate_total", "Facts that were already counted", registry=registry)
        self.freshness = Histogram(
            "laksa_stats_freshness_seconds",
            "Time from a fact's own time until it was counted",
            buckets=END_TO_END_BUCKETS,
            registry=registry,
        )
        self.difference = Gauge(
            "laksa_conservation_difference",
            "Accepted reports without a decision",
            ["lane"],
            registry=registry,
        )
        self.oldest_undecided = Gauge(
            "laksa_oldest_undecided_report_seconds",
            "Age of the oldest accepted report without a decision, 0 if there is none",
            ["lane"],
            registry=registry,
        )
        self.unregistered = Gauge(
            "laksa_stats_unregistered_reports",
            "Reports with later facts but without their registered fact",
            registry=registry,
        )
        self.viewers = Gauge("laksa_board_viewers", "Open live connections to the board", registry=registry)

    def count_applied(self, kind: str, happened_at: datetime | None, now: datetime) -> None:
        """Record one counted fact."""
        self.applied.labels(kind).inc()
        if happened_at is not None:
            self.freshness.observe(max(0.0, (now - happened_at).total_seconds()))
