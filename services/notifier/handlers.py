"""The notifier's map: topic in, call, and what it tells of it on the way out.

opd.<opd>.<lane>.v1  → take_in_assignments → deliveries, pushed by the send loop → lifecycle.v1
reports.updates.v1   → note_answers        → the department's pushes stop        → lifecycle.v1

What goes out is committed to the outbox together with the change it tells of; the handlers return nothing.
"""

from collections.abc import Sequence

from services.notifier.assignment import Assignment
from services.notifier.inbox import Inbox
from shared.events import catalogue, topics
from shared.events.models import ReportStatusChanged
from shared.events.outgoing import OutgoingRecord
from shared.messaging.asyncapi import DEAD_LETTER, Operation
from shared.messaging.received import Received

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
        mine = [one.event for one in changes if self._lane_of(one) == self._inbox.lane]
        if mine:
            await self._inbox.note_answers(mine)
        return ()

    @staticmethod
    def _lane_of(change: Received[ReportStatusChanged]) -> str:
        return change.attributes.extensions.get("lane", change.event.lane)
