"""Metrics of the notifier, in addition to those of every service."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.domain.delivery import DeliveryState
from shared.domain.lanes import Lane
from shared.observability.metrics import DURATION_BUCKETS, END_TO_END_BUCKETS


class NotifierMetrics:
    """Metrics of deliveries and pushes; labels have fixed sets of values."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "laksa_deliveries_total",
            "Deliveries that reached a state: pending, delivered, retrying, acknowledged, exhausted",
            ["lane", "state"],
            registry=registry,
        )
        self.reach = Counter(
            "laksa_assignments_total",
            "Assignments taken in, by whom they reach: department, live_room or nobody (both alarm), no_drill",
            ["lane", "reach"],
            registry=registry,
        )
        self.attempts = Counter(
            "laksa_push_attempts_total",
            "Tries by outcome: accepted, stale (the lease was another's by then), or the failure's code",
            ["lane", "outcome"],
            registry=registry,
        )
        self.paging = Counter(
            "laksa_push_needs_person_total",
            "Tries that a receiver refused for good (401, 403, 404, 410), or that its configuration made impossible",
            ["lane"],
            registry=registry,
        )
        self.push_seconds = Histogram(
            "laksa_push_seconds", "Whole exchange of one try", ["lane"], buckets=DURATION_BUCKETS, registry=registry
        )
        self.end_to_end = Histogram(
            "laksa_end_to_end_seconds",
            "From received_at at intake to a stage: first_push (its start) or acknowledged",
            ["lane", "stage"],
            buckets=END_TO_END_BUCKETS,
            registry=registry,
        )
        self.oldest_unacknowledged = Gauge(
            "laksa_oldest_unacknowledged_seconds",
            "Age of the oldest live report without its department's acknowledgement",
            ["lane"],
            registry=registry,
        )
        self.rows = Gauge(
            "laksa_delivery_rows",
            "Deliveries that are overdue (nobody acted on them in time), late (not acknowledged in time) or exhausted",
            ["lane", "trouble"],
            registry=registry,
        )
        self.in_flight = Gauge("laksa_pushes_in_flight", "Pushes in hand", ["lane"], registry=registry)

    def observe_acknowledgement(self, lane: Lane, *, seconds: float) -> None:
        """Count an acknowledgement, ``seconds`` after the report was received."""
        self.deliveries.labels(lane, DeliveryState.ACKNOWLEDGED).inc()
        self.end_to_end.labels(lane, "acknowledged").observe(max(0.0, seconds))
