"""What the router counts, and how long the oldest report has been waiting for its decision."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.router.rules import Decision
from shared.messaging.received import Record
from shared.observability.metrics import END_TO_END_BUCKETS

Place = tuple[str, int]  # topic and partition


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
            "Reports that wait at the Live Room because no department could be named, by rule",
            ["lane", "rule"],
            registry=registry,
        )
        self.unreadable = Counter(
            "laksa_unreadable_emergencies_total",
            "Records of the emergency lane that nobody could parse, passed on raw to the Live Room",
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
            "How long the oldest report without a decision has been in Kafka; 0 where none waits",
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

    def watch(self, waiting: "WaitingReports") -> None:
        """Ask for the oldest undecided report at each scrape."""
        self._undecided.set_function(waiting.oldest_seconds)


@dataclass(slots=True)
class _Progress:
    since_ms: int  # timestamp of the oldest record in hand, or else of the last one that was decided
    next_offset: int
    in_hand: bool


class WaitingReports:
    """Knows, per partition, what was taken and not decided, and what was decided last.

    ``end_of`` says where a partition ends, or None where it is another consumer's by now. Behind the last decided
    record the age of the next one is unknown until it is taken; the last one's age, a little too long, stands for it.
    """

    def __init__(self, end_of: Callable[[Place], int | None], now: Callable[[], float] = time.time) -> None:
        self._end_of = end_of
        self._now = now
        self._progress: dict[Place, _Progress] = {}

    def taken(self, records: Sequence[Record]) -> None:
        """Note records that were handed out by Kafka, in order."""
        oldest = {(record.topic, record.partition): record for record in reversed(records)}
        for place, record in oldest.items():
            self._progress[place] = _Progress(record.timestamp, record.offset, in_hand=True)

    def decided(self, records: Sequence[Record]) -> None:
        """Note that these records' outputs are in Kafka."""
        last = {(record.topic, record.partition): record for record in records}
        for place, record in last.items():
            self._progress[place] = _Progress(record.timestamp, record.offset + 1, in_hand=False)

    def oldest_seconds(self) -> float:
        """Age of the oldest undecided record, in seconds; 0 where none waits."""
        ends = {place: end for place in self._progress if (end := self._end_of(place)) is not None}
        # what moved away begins anew should it come back: nobody here knows how far the other consumer got
        self._progress = {place: self._progress[place] for place in ends}
        waiting = [
            one.since_ms for place, one in self._progress.items() if one.in_hand or ends[place] > one.next_offset
        ]
        return max(0.0, self._now() - min(waiting) / 1000) if waiting else 0.0
