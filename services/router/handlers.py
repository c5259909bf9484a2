"""The router's map: what it reads, who handles it, what it writes.

reports.emergency.v1  → Routing.route_reports, one by one  → opd.<opd>.emergency.v1, lifecycle.v1
reports.routine.v1    → Routing.route_reports, in batches  → opd.<opd>.routine.v1, lifecycle.v1
"""

from collections.abc import Callable, Sequence
from functools import partial

from services.router.routing import Incoming, Routing, UnreadableReport
from services.router.undecided import WaitingReports, WatchedRule
from shared.domain.lanes import Lane
from shared.events import groups, topics
from shared.events.catalogue import ASSIGNED, DECISIONS, SUBMITTED, UNREADABLE
from shared.events.models import ReportSubmitted
from shared.messaging.ack_rule import no_fallback
from shared.messaging.asyncapi import DEAD_LETTER, Operation
from shared.messaging.consumer import ConsumerRow
from shared.messaging.received import Record, event_parser
from shared.messaging.subscribing import Subscription

RECEIVES = (
    Operation(
        "reports.{lane}.v1",
        (SUBMITTED, UNREADABLE),
        "Reports to route: emergencies singly, others in batches",
    ),
)
SENDS = (
    Operation("opd.{opd}.{lane}.v1", (ASSIGNED, UNREADABLE), "The report, to each department in charge"),
    Operation(topics.LIFECYCLE, tuple(DECISIONS.values()), "One decision per report, free of personal data"),
    Operation("router.{lane}.dlq.v1", (DEAD_LETTER,), "Records that cannot be routed"),
)


def consumer_rows(lane: Lane, routing: Routing, waiting: WaitingReports) -> Sequence[ConsumerRow[Incoming]]:
    """The subscriptions of a lane's router; emergencies are read singly, so that none waits for others of a batch."""
    return (
        ConsumerRow(
            Subscription(
                group=groups.router(lane),
                topics=[topics.reports(lane)],
                batch=lane is Lane.ROUTINE,
                title=f"Reports, {lane}",
            ),
            parse=report_parser(lane),
            handle=routing.route_reports,
            fallback=routing.fallback if lane is Lane.EMERGENCY else no_fallback,
            wrap=partial(WatchedRule, waiting),
        ),
    )


def report_parser(lane: Lane) -> Callable[[Record], Incoming]:
    """A parser for the lane's topic; only the emergency lane carries reports that intake could not read."""
    parse_report = event_parser({SUBMITTED: ReportSubmitted})
    if lane is not Lane.EMERGENCY:
        return parse_report
    unreadable = ("ce_type", UNREADABLE.encode())

    def parse(record: Record) -> Incoming:
        return UnreadableReport(record) if unreadable in record.headers else parse_report(record)

    return parse
