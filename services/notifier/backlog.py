"""Measures deliveries that need attention: overdue, late and exhausted ones, and the oldest unacknowledged report."""

import asyncio
from dataclasses import dataclass

from services.notifier.clock import Now
from services.notifier.metrics import NotifierMetrics
from services.notifier.store import Store, exhausted, late, overdue
from shared.domain.lanes import Lane
from shared.errors import DatabaseUnavailable
from shared.observability.logs import logger
from shared.process.waiting import wait_or_stop

WATCH_SECONDS = 5.0
GRACE_SECONDS = 15.0  # a delivery that is due for longer than a lease was forgotten by the push loop (N10)

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class BacklogWatch:
    """Measures the deliveries of one lane and logs an error when some are overdue."""

    lane: Lane
    store: Store
    metrics: NotifierMetrics
    now: Now

    async def run(self, stopping: asyncio.Event) -> None:
        """Measure every few seconds until stopped."""
        while not stopping.is_set():
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("The backlog could not be measured, trying again", lane=self.lane, reason=str(error))
            await wait_or_stop(stopping, WATCH_SECONDS)

    async def look(self) -> None:
        """Measure once.

        Raises:
            DatabaseUnavailable: the metrics keep their last values.
        """
        now = self.now()
        oldest = await self.store.oldest_unanswered(self.lane)
        self.metrics.oldest_unacknowledged.labels(self.lane).set(0.0 if oldest is None else max(0.0, now - oldest))
        troubles = {"overdue": overdue(now, GRACE_SECONDS), "late": late(now), "exhausted": exhausted()}
        for trouble, condition in troubles.items():
            found = await self.store.count(self.lane, condition)
            self.metrics.rows.labels(self.lane, trouble).set(found)
            if trouble == "overdue" and found:
                log.error("Deliveries are overdue and no worker has claimed them", lane=self.lane, deliveries=found)
