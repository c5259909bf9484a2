"""The router's map: what it reads, who handles it, what it writes.

reports.emergency.v1  → Routing.route_reports, one by one  → opd.<opd>.emergency.v1, lifecycle.v1
reports.routine.v1    → Routing.route_reports, in batches  → opd.<opd>.routine.v1, lifecycle.v1
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.router.metrics import WaitingReports
from services.router.routing import Incoming, UnreadableReport
from shared.domain.lanes import Lane
from shared.events import topics
from shared.events.catalogue import ASSIGNED, DECISIONS, SUBMITTED, UNREADABLE
from shared.events.models import ReportSubmitted
from shared.messaging.ack_rule import AckRule
from shared.messaging.asyncapi import DEAD_LETTER, Operation
from shared.messaging.received import Record, event_parser
from shared.messaging.subscribing import Subscription

RECEIVES = (
    Operation(
        "reports.{lane}.v1",
        (SUBMITTED, UNREADABLE),
        "Reports to route: emergencies one by one, the rest in batches",
    ),
)
SENDS = (
    Operation("opd.{opd}.{lane}.v1", (ASSIGNED, UNREADABLE), "The report, to each department in charge"),
    Operation(topics.LIFECYCLE, tuple(DECISIONS.values()), "One decision per report, free of personal data"),
    Operation("router.{lane}.dlq.v1", (DEAD_LETTER,), "What can never be routed"),
)


def subscription(lane: Lane) -> Subscription:
    """How a lane's reports are read: no emergency ever waits for others of its batch."""
    return Subscription(
        group=f"router-{lane}", topics=[topics.reports(lane)], batch=lane is Lane.ROUTINE, title=f"Reports, {lane}"
    )


def report_parser(lane: Lane) -> Callable[[Record], Incoming]:
    """A parser for the lane's topic; only the emergency lane brings what intake itself could not read."""
    parse_report = event_parser({SUBMITTED: ReportSubmitted})
    if lane is not Lane.EMERGENCY:
        return parse_report
    unreadable = ("ce_type", UNREADABLE.encode())

    def parse(record: Record) -> Incoming:
        return UnreadableReport(record) if unreadable in record.headers else parse_report(record)

    return parse


@dataclass(frozen=True, slots=True)
class WatchedRule:
    """The ack rule, with a note of what is in hand: the oldest undecided report is an alarm."""

    rule: AckRule[Any]
    waiting: WaitingReports

    async def settle(self, records: Sequence[Record]) -> None:
        """As `AckRule.settle`; what comes back to Kafka stays undecided."""
        self.waiting.taken(records)
        await self.rule.settle(records)
        self.waiting.decided(records)
