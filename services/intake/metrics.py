"""Metrics of intake. Labels have fixed sets of values: channels, lanes, results."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.observability.metrics import DURATION_BUCKETS

UNKNOWN = "unknown"  # label for an unknown value: the channel of a wrong key, the lane of a refused request


class IntakeMetrics:
    """Metrics of received requests, their results, and the spool."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.received = Counter(
            "laksa_reports_received_total",
            "Reports and calls, by result: accepted, repeated, or the code of the refusal",
            ["channel", "lane", "result"],
            registry=registry,
        )
        self.auth_failures = Counter(
            "laksa_auth_failures_total",
            "Requests without a valid key or scope; the channel is known where only the scope was missing",
            ["channel", "operation"],
            registry=registry,
        )
        self.flags = Counter(
            "laksa_report_flags_total",
            "What was mended, left out or unknown in accepted reports",
            ["flag"],
            registry=registry,
        )
        self.department_answers = Counter(
            "laksa_department_answers_total", "Answers of departments that were accepted", ["opd"], registry=registry
        )
        self.committing = Histogram(
            "laksa_spool_commit_seconds",
            "Time until a group of reports was on disk",
            ["lane"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.in_hand = Gauge(
            "laksa_reports_in_hand",
            "Reports and calls being checked and written; routine ones are refused past LAKSA_REPORTS_IN_HAND",
            registry=registry,
        )
        self.spool_bytes = Gauge(
            "laksa_spool_used_bytes", "Bytes in use in the spool file of a lane", ["lane"], registry=registry
        )
