"""The notifier's map: topic in, call, and what it tells of it on the way out.

opd.<opd>.<lane>.v1  → take_in_assignments → deliveries, pushed by the send loop → lifecycle.v1
reports.updates.v1   → note_answers        → the department's pushes stop        → lifecycle.v1

What goes out is committed to the outbox together with the change it tells of; the handlers return nothing.
"""

from collections.abc import Sequence
from typing import Any

from services.notifier.assignment import Assignment, assignment_parser, unreadable_fallback
from services.notifier.inbox import Inbox
from shared.domain.lanes import Lane
from shared.domain.taxonomy import Taxonomy
from shared.events import catalogue, groups, topics
from shared.events.models import ReportStatusChanged
from shared.events.outgoing import OutgoingRecord
from shared.messaging.ack_rule import no_fallback
from shared.messaging.asyncapi import DEAD_LETTER, Operation
from shared.messaging.consumer import ConsumerRow
from shared.messaging.received import Received, event_parser
from shared.messaging.subscribing import Subscription

RECEIVES = (
    Operation("opd.{opd}.{lane}.v1", [catalogue.ASSIGNED, catalogue.UNREADABLE], "What departments must be told of"),
    Operation(topics.UPDATES, [catalogue.STATUS_CHANGED], "An answer stops that department's pushes"),
)
SENDS = (
    Operation(
        topics.LIFECYCLE,
        [
            catalogue.DELIVERED,
            catalogue.DELIVERY_FAILED,
            catalogue.DELIVERY_ACKNOWLEDGED,
            catalogue.DELIVERY_EXHAUSTED,
        ],
        "How each delivery fares",
    ),
    Operation("opd.{opd}.{lane}.v1", [catalogue.UNREADABLE], "A bad emergency record, to the Live Room's supervisor"),
    Operation("notifier.{lane}.dlq.v1", [DEAD_LETTER], "Records that can never be processed"),
)


class Handlers:
    """The handlers of one lane."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def take_in_assignments(self, assignments: Sequence[Assignment]) -> Sequence[OutgoingRecord]:
        """Make deliveries of what a department must be told of."""
        await self._inbox.take_in(assignments)
        return ()

    async def note_answers(self, changes: Sequence[Received[ReportStatusChanged]]) -> Sequence[OutgoingRecord]:
        """Stop the pushes of departments that have answered; the other lane's are its own process's."""
        mine = [change.event for change in changes if self._lane_of(change) == self._inbox.lane]
        if mine:
            await self._inbox.note_answers(mine)
        return ()

    @staticmethod
    def _lane_of(change: Received[ReportStatusChanged]) -> str:
        return change.attributes.extensions.get("lane", change.event.lane)


def consumer_rows(lane: Lane, inbox: Inbox, taxonomy: Taxonomy, *, stats_url: str) -> Sequence[ConsumerRow[Any]]:
    """What the notifier of a lane reads: emergencies one by one, the rest in batches."""
    handlers = Handlers(inbox)
    in_batches = lane is Lane.ROUTINE
    return (
        ConsumerRow(
            Subscription(group=groups.notifier(lane), pattern=topics.opd_pattern(lane), batch=in_batches),
            parse=assignment_parser(lane, taxonomy, stats_url=stats_url),
            handle=handlers.take_in_assignments,
            fallback=unreadable_fallback if lane is Lane.EMERGENCY else no_fallback,
        ),
        ConsumerRow(
            Subscription(group=groups.notifier_updates(lane), topics=[topics.UPDATES], batch=in_batches),
            parse=event_parser({catalogue.STATUS_CHANGED: ReportStatusChanged}),
            handle=handlers.note_answers,
        ),
    )
