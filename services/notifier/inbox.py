"""Stores new assignments as deliveries, and departments' answers as acknowledgements."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.notifier.assignment import Assignment
from services.notifier.clock import Now
from services.notifier.deliveries import Acknowledgement, Delivery, acknowledged_fact, new_delivery
from services.notifier.endpoints import Endpoints, Reach, Recipients
from services.notifier.metrics import NotifierMetrics
from services.notifier.schedule import first_delay, policy_of
from services.notifier.store import Store
from services.notifier.transaction import Case, InboxEntry, by_case
from shared.domain.lanes import Lane
from shared.domain.texts import strip_controls
from shared.events.models import ReportStatusChanged
from shared.observability.logs import logger

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Creates deliveries from assignments and acknowledgements from answers.

    Everything is committed before the caller's offset moves; ``wake`` tells the push loop that deliveries are due.
    """

    lane: Lane
    store: Store
    endpoints: Endpoints
    metrics: NotifierMetrics
    now: Now
    wake: Callable[[], None]

    async def take_in(self, assignments: Sequence[Assignment]) -> None:
        """Create the deliveries of new assignments; repeated assignments change nothing.

        Raises:
            DatabaseUnavailable: nothing was stored.
        """
        reached = {one.event_id: (one, self.endpoints.recipients(one.opd, one.mode)) for one in assignments}
        new_deliveries: list[Delivery] = []
        async with self.store.transaction() as transaction:
            answers = await transaction.register_cases([case_of(assignment) for assignment, _ in reached.values()])
            policy = policy_of(self.lane)
            entries = [InboxEntry(assignment, to.endpoints, policy) for assignment, to in reached.values()]
            new = await transaction.register(entries, self.now())
            for event_id in new:
                assignment, recipients = reached[event_id]
                new_deliveries += self._deliveries(assignment, recipients, answers.get(case_of(assignment)))
            await transaction.add(new_deliveries)
            await transaction.publish(
                [acknowledged_fact(one, _answer_of(one)) for one in new_deliveries if one.acknowledged_at]
            )
        for event_id in new:
            self._tell(*reached[event_id])
        for delivery in new_deliveries:
            self.metrics.deliveries.labels(self.lane, delivery.state).inc()
        self.wake()

    async def note_answers(self, changes: Sequence[ReportStatusChanged]) -> None:
        """Stop the pushes of a report to the departments that have answered it, whatever the answer.

        Pushes of the same report to other departments continue (a status change is not a delivery).

        Raises:
            DatabaseUnavailable: no answer was stored.
        """
        answers = {(one.report_id, one.opd): one for one in sorted(changes, key=lambda one: one.seq)}
        ended: list[Delivery] = []
        async with self.store.transaction() as transaction:
            for case in sorted(answers, key=str):
                change = answers[case]
                answer = Acknowledgement(strip_controls(change.by)[0], "department", change.recorded_at.timestamp())
                await transaction.note_answer(case, change.to_status, answer)
                ended += await transaction.acknowledge(by_case(case), answer)
            await transaction.publish([acknowledged_fact(delivery, _answer_of(delivery)) for delivery in ended])
        for delivery in ended:
            self.metrics.observe_acknowledgement(self.lane, seconds=_answer_of(delivery).at - delivery.received_at)

    def _deliveries(
        self, assignment: Assignment, recipients: Recipients, answer: Acknowledgement | None
    ) -> list[Delivery]:
        now = self.now()
        delay = first_delay(policy_of(self.lane), random.random())  # noqa: S311  # jitter is no secret
        return [
            new_delivery(assignment, endpoint, self.lane, now=now, due_at=now + delay, answer=answer)
            for endpoint in recipients.endpoints
        ]

    def _tell(self, assignment: Assignment, recipients: Recipients) -> None:
        self.metrics.reach.labels(self.lane, recipients.reach).inc()
        about = {
            "opd": assignment.opd,
            "reach": recipients.reach,
            "report_id": str(assignment.report_id),
            "event_id": assignment.event_id,
        }
        if recipients.reach is Reach.NO_DRILL:
            log.warning("No endpoint receives exercises, this exercise reaches nobody", **about)
        elif recipients.reach is not Reach.DEPARTMENT:
            log.critical("A department has no endpoint, its report goes to the Live Room or to nobody", **about)


def case_of(assignment: Assignment) -> Case:
    """The (report, department) pair of an assignment."""
    return assignment.report_id, assignment.opd


def _answer_of(delivery: Delivery) -> Acknowledgement:
    return Acknowledgement(
        delivery.acknowledged_by or "", delivery.acknowledged_via or "", delivery.acknowledged_at or 0.0
    )
