"""The router's metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.router.rules import Decision
from shared.observability.metrics import END_TO_END_BUCKETS


class RouterMetrics:
    """The router's own metrics of one lane. Decisions are counted when they are made, repeats included."""

    def __init__(self, registry: CollectorRegistry, lane: str) -> None:
        decided = Counter(
            "laksa_reports_decided_total", "Decisions made, by outcome", ["lane", "outcome"], registry=registry
        )
        self._decided = {
            outcome: decided.labels(lane, outcome) for outcome in ("routed", "triaged", "ended", "rejected")
        }
        self._triaged = Counter(
            "laksa_triage_alarms_total",
            "Reports sent to the Live Room because no department could be determined, by rule",
            ["lane", "rule"],
            registry=registry,
        )
        self.unreadable = Counter(
            "laksa_unreadable_emergencies_total",
            "Unreadable records of the emergency lane, sent raw to the Live Room",
            ["lane"],
            registry=registry,
        ).labels(lane)
        self._delay = Histogram(
            "laksa_received_to_decided_seconds",
            "Time from received_at to the decision",
            ["lane"],
            buckets=END_TO_END_BUCKETS,
            registry=registry,
        ).labels(lane)
        self._undecided = Gauge(
            "laksa_undecided_oldest_seconds",
            "Age in Kafka of the oldest report without a decision; 0 if there is none",
            ["lane"],
            registry=registry,
        ).labels(lane)
        self._lane = lane

    def count(self, decision: Decision, delay_seconds: float) -> None:
        """Count one decision."""
        self._decided[decision.outcome].inc()
        self._delay.observe(max(0.0, delay_seconds))
        if decision.outcome == "triaged":
            self._triaged.labels(self._lane, decision.rule).inc()

    def watch(self, oldest_seconds: Callable[[], float]) -> None:
        """Call ``oldest_seconds`` at each scrape for the age of the oldest undecided report."""
        self._undecided.set_function(oldest_seconds)
