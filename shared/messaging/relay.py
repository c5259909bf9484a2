"""The relay: publishes the records of an outbox in order while the service runs."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from shared.db.outbox import OutboxDepth, PendingRecord, depth_of
from shared.errors import TransientError
from shared.messaging.producer import EventProducer
from shared.observability.logs import logger
from shared.observability.metrics import MessagingMetrics
from shared.process.waiting import wait_or_stop

BATCH = 500
IDLE_SECONDS = 1.0  # a commit wakes the relay at once; this covers only a wake-up that was lost with its process
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0)  # short, so that an emergency goes out soon after Kafka is back

log = logger(__name__)


class Waiting(Protocol):
    """What a relay publishes from: see `shared.db.outbox.Outbox`."""

    async def pending(self, limit: int) -> list[PendingRecord]:
        """The oldest records."""

    async def discard(self, row_ids: Sequence[int]) -> None:
        """Remove records that Kafka has acknowledged."""

    async def depth(self) -> OutboxDepth:
        """How many records wait, and for how long."""

    async def wait(self, seconds: float) -> None:
        """Return when something was added."""

    def wake(self) -> None:
        """Make `wait` return."""


class Relay:
    """Moves records from an outbox to Kafka. A row is removed after its acknowledgement: a crash repeats, never skips.

    ``gather`` is how long it waits for more records: each batch has a fixed cost, so larger batches are cheaper.
    """

    def __init__(
        self,
        outbox: Waiting,
        producer: EventProducer,
        *,
        lane: str,
        metrics: MessagingMetrics,
        gather: timedelta = timedelta(0),
    ) -> None:
        self._outbox = outbox
        self._producer = producer
        self._lane = lane
        self._gather = gather.total_seconds()
        self._records = metrics.outbox_records.labels(lane)
        self._limit = BATCH
        self._waiting_since: float | None = None
        metrics.outbox_oldest.labels(lane).set_function(self._oldest_seconds)

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until told to stop; after a failure it waits and tries again, without limit."""
        waking = asyncio.create_task(self._wake_when(stopping))
        try:
            await self._publish_until(stopping)
        finally:
            waking.cancel()

    async def _publish_until(self, stopping: asyncio.Event) -> None:
        failures = 0
        while not stopping.is_set():
            try:
                moved = await self.publish_once()
            except TransientError as error:
                log.warning("The relay waits", lane=self._lane, reason=str(error))
                wait = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
                failures += 1
                self._limit = max(1, self._limit // 2)  # a batch that fails as a whole may succeed in parts
                await wait_or_stop(stopping, wait)
                continue
            failures = 0
            self._limit = min(BATCH, self._limit * 2)
            if not moved:
                await self._outbox.wait(IDLE_SECONDS)
            if self._gather and moved < self._limit:
                await wait_or_stop(stopping, self._gather)

    async def publish_once(self) -> int:
        """Publish the oldest records and return how many.

        Raises:
            BrokerUnavailable, DatabaseUnavailable: nothing was removed from the outbox.
        """
        pending = await self._outbox.pending(self._limit)
        await self._measure(pending)  # first, because the age matters most during an outage
        await self._producer.send_all([row.record for row in pending])
        if pending:
            await self._outbox.discard([row.row_id for row in pending])
        return len(pending)

    async def _wake_when(self, stopping: asyncio.Event) -> None:
        """Wake an idle relay when the service stops."""
        await stopping.wait()
        self._outbox.wake()

    async def _measure(self, pending: Sequence[PendingRecord]) -> None:
        # a batch that is not full is the whole outbox; only after a full batch more may wait
        depth = await self._outbox.depth() if len(pending) == self._limit else depth_of(pending)
        self._records.set(depth.records)
        self._waiting_since = time.monotonic() - depth.oldest_seconds if depth.records else None

    def _oldest_seconds(self) -> float:
        """Called at each scrape, so that the age grows also while a publish waits for Kafka."""
        return 0.0 if self._waiting_since is None else time.monotonic() - self._waiting_since
