"""Counts facts, and monitors the accounts."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime

from services.stats.accounting import conservation
from services.stats.facts import fact_of
from services.stats.metrics import StatsMetrics
from services.stats.queries import StatsQueries
from services.stats.store import StatsStore
from shared.domain.lanes import Lane
from shared.errors import DatabaseUnavailable
from shared.events.models import Event
from shared.messaging.received import Received
from shared.observability.logs import log_context, logger
from shared.process.waiting import wait_or_stop

WATCH_SECONDS = 5.0
PREPARE_SECONDS = 1.0

log = logger(__name__)


class FactCounting:
    """Records each fact once, with metrics and log lines."""

    def __init__(self, store: StatsStore, metrics: StatsMetrics) -> None:
        self._store = store
        self._metrics = metrics

    async def count_facts(self, events: Sequence[Received[Event]]) -> None:
        """Count the facts; safe to repeat.

        Raises:
            DatabaseUnavailable: no fact was counted.
        """
        new = await self._store.record_facts(fact_of(received.attributes, received.event) for received in events)
        now = datetime.now(UTC)
        arrived = {received.attributes.id: received.attributes for received in events}
        for fact in new:
            attributes = arrived[fact.event_id]
            self._metrics.count_applied(attributes.kind, attributes.time, now)
            with log_context(attributes):
                log.debug("Counted a fact", kind=attributes.kind)
        self._metrics.duplicates.inc(len(events) - len(new))

    async def prepare(self, stopping: asyncio.Event) -> None:
        """Wait until the database answers and is migrated."""
        while not stopping.is_set():
            try:
                await self._store.prepare()
            except DatabaseUnavailable as error:
                log.warning("Waiting for the database", reason=str(error))
                await wait_or_stop(stopping, PREPARE_SECONDS)
            else:
                return


class AccountWatch:
    """Exports the accounts as metrics, so that an alert fires for a report without a decision."""

    def __init__(self, queries: StatsQueries, metrics: StatsMetrics) -> None:
        self._queries = queries
        self._metrics = metrics

    async def run(self, stopping: asyncio.Event) -> None:
        """Update the gauges every few seconds until stopped; an unavailable database has its own health check."""
        while not stopping.is_set():
            with contextlib.suppress(DatabaseUnavailable):
                await self.look()
            await wait_or_stop(stopping, WATCH_SECONDS)

    async def look(self) -> None:
        """Update the gauges.

        Raises:
            DatabaseUnavailable: the gauges keep their last values.
        """
        accounts = conservation(await self._queries.accounts())
        oldest = await self._queries.oldest_undecided()
        now = datetime.now(UTC)
        for lane in Lane:
            waiting_since = oldest.get(lane, now)
            self._metrics.difference.labels(lane).set(accounts[lane].difference)
            self._metrics.oldest_undecided.labels(lane).set(max(0.0, (now - waiting_since).total_seconds()))
        self._metrics.unregistered.set(await self._queries.unregistered())
