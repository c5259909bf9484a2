"""The push loop: claims due deliveries under a lease, pushes them, and stores the results.

It runs apart from consuming, so a slow receiver delays neither Kafka nor other receivers. The deliveries of a dead
worker become due again when their leases expire; a worker that resumes too late cannot overwrite the results of others.
"""

import asyncio
import json
import logging
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from services.notifier.clock import Now
from services.notifier.deliveries import Delivery, fact_of
from services.notifier.endpoints import Endpoints
from services.notifier.metrics import NotifierMetrics
from services.notifier.schedule import PushDecision, PushPolicy, PushResult, decide_push, policy_of
from services.notifier.signing import sign
from services.notifier.store import Quota, Store
from services.notifier.transaction import Claimed
from services.notifier.webhook import WebhookChannel
from shared.domain.delivery import DeliveryState
from shared.domain.lanes import Lane
from shared.errors import DatabaseUnavailable
from shared.events.models import utc_text
from shared.events.outgoing import OutgoingRecord
from shared.observability.logs import logger
from shared.observability.tracing import child_of
from shared.process.waiting import wait_or_stop

LEASE_SECONDS = {Lane.EMERGENCY: 15.0, Lane.ROUTINE: 20.0}  # longer than a whole exchange; F19 requires at most 15 s
POLL_SECONDS = {Lane.EMERGENCY: 0.25, Lane.ROUTINE: 1.0}  # new deliveries wake the loop at once; this finds retries
DATABASE_WAIT_SECONDS = 1.0
LASTING_ATTEMPT = 3  # a receiver that fails once or twice is normal; from this attempt on the log has a warning
FINISH_SECONDS = 8.0  # of the 20 s that a service may take to stop

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Slots:
    """The number of concurrent pushes to one endpoint; retries leave some slots free for untried deliveries."""

    total: int
    retries: int


SLOTS = {Lane.EMERGENCY: Slots(total=8, retries=4), Lane.ROUTINE: Slots(total=4, retries=3)}


class NotSendable(Exception):  # noqa: N818  # named after what is the case
    """A delivery that cannot be tried; ``code`` gives the reason, from a fixed set."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PushLoop:
    """Pushes the due deliveries of one lane until stopped."""

    def __init__(
        self,
        *,
        lane: Lane,
        store: Store,
        endpoints: Endpoints,
        channel: WebhookChannel,
        metrics: NotifierMetrics,
        public_url: str,
        now: Now,
    ) -> None:
        self._lane = lane
        self._store = store
        self._endpoints = endpoints
        self._channel = channel
        self._metrics = metrics
        self._public_url = public_url
        self._now = now
        self._woken = asyncio.Event()
        self._in_hand: dict[asyncio.Task[None], Claimed] = {}
        self._known = set(endpoints.by_id)

    def wake(self) -> None:
        """Look for due deliveries now."""
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Push due deliveries until stopped, then finish those in progress; waits for the database if it is down."""
        looked_up = False
        while not stopping.is_set():
            try:
                if not looked_up:
                    self._known |= await self._store.endpoints_in_use()
                    looked_up = True
                started = await self.start_due()
            except DatabaseUnavailable as error:
                log.warning("The push loop waits for the database", lane=self._lane, reason=str(error))
                await self._wait(DATABASE_WAIT_SECONDS)
                continue
            if not started:
                await self._wait(POLL_SECONDS[self._lane])
        await self.finish(FINISH_SECONDS)

    async def start_due(self) -> int:
        """Claim due deliveries and start their pushes; returns the number of pushes started.

        Raises:
            DatabaseUnavailable: nothing was started.
        """
        now = self._now()
        ids = await self._store.due(self._quotas(), now)
        if not ids:
            return 0
        async with self._store.transaction() as transaction:
            claimed = await transaction.claim(ids, now=now, until=now + LEASE_SECONDS[self._lane], token=uuid4().hex)
        for one in claimed:
            task = asyncio.create_task(self._deliver(one))
            self._in_hand[task] = one
            task.add_done_callback(self._let_go)
        self._metrics.in_flight.labels(self._lane).set(len(self._in_hand))
        return len(claimed)

    async def finish(self, seconds: float) -> None:
        """Wait for the pushes in progress; slower ones are cancelled and tried again when their leases expire."""
        if self._in_hand:
            await asyncio.wait(list(self._in_hand), timeout=seconds)
        for task in list(self._in_hand):
            task.cancel()

    def _quotas(self) -> list[Quota]:
        total: Counter[str] = Counter(one.delivery.endpoint_id for one in self._in_hand.values())
        retries = Counter(one.delivery.endpoint_id for one in self._in_hand.values() if one.delivery.attempt > 1)
        slots = SLOTS[self._lane]
        return [
            Quota(name, slots.total - total[name], slots.retries - retries[name])
            for name in self._known
            if total[name] < slots.total
        ]

    def _let_go(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        self._metrics.in_flight.labels(self._lane).set(len(self._in_hand))
        if not task.cancelled() and (error := task.exception()):
            log.critical("Storing the result of a push raised an unexpected error", exc_info=error)
        self.wake()  # a slot has become free

    async def _deliver(self, claimed: Claimed) -> None:
        delivery = claimed.delivery
        try:
            result = await self._try_once(claimed)
        except NotSendable as error:
            result = PushResult(error_code=error.code)
        except Exception:  # an unexpected error counts as a failed try, so that it never causes a hot loop
            log.exception(
                "A push raised an unexpected error", report_id=str(delivery.report_id), delivery_id=str(delivery.id)
            )
            result = PushResult(error_code="internal")
        try:
            await self._settle(claimed, result)
        except DatabaseUnavailable as error:
            # the lease expires, and the try is repeated with the same webhook-id
            log.warning("The result of a push was not stored", delivery_id=str(delivery.id), reason=str(error))

    async def _try_once(self, claimed: Claimed) -> PushResult:
        delivery = claimed.delivery
        if delivery.attempt == 1:
            waited = max(0.0, self._now() - delivery.received_at)
            self._metrics.end_to_end.labels(self._lane, "first_push").observe(waited)
        secrets = self._endpoints.secrets(delivery.endpoint_id)
        if delivery.url is None or not secrets:
            raise NotSendable("endpoint_removed")
        body = push_body(claimed, self._public_url)
        headers = sign(secrets, str(delivery.id), body, at=datetime.now(UTC))
        result = await self._channel.push(
            delivery.url, headers | {"traceparent": child_of(delivery.traceparent)}, body, _policy(claimed)
        )
        self._metrics.push_seconds.labels(self._lane).observe(result.latency_ms / 1000)
        return result

    async def _settle(self, claimed: Claimed, result: PushResult) -> None:
        now = self._now()
        step = decide_push(
            _policy_or_default(claimed),
            claimed.delivery.attempt,
            result,
            now=datetime.now(UTC),
            spread=random.random(),  # noqa: S311  # jitter is no secret
        )
        async with self._store.transaction() as transaction:
            is_mine = await transaction.settle(claimed, result, step, now=now)
            if is_mine:
                await transaction.publish(_facts(claimed.delivery, result, step, now))
        self._metrics.attempts.labels(self._lane, (result.failure or "accepted") if is_mine else "stale").inc()
        if is_mine:
            self._metrics.deliveries.labels(self._lane, step.state).inc()
            self._tell(claimed.delivery, result, step)

    def _tell(self, delivery: Delivery, result: PushResult, step: PushDecision) -> None:
        about = {
            "report_id": str(delivery.report_id),
            "delivery_id": str(delivery.id),
            "endpoint": delivery.endpoint_id,
            "attempt": delivery.attempt,
            "outcome": result.failure or "accepted",
        }
        if result.needs_a_person or result.error_code == "endpoint_removed":
            self._metrics.paging.labels(self._lane).inc()
            log.critical(
                "A receiver refuses pushes for a reason that a retry cannot fix: check the endpoint's settings", **about
            )
        elif step.state is DeliveryState.EXHAUSTED:
            log.critical("A delivery is exhausted: no further try is scheduled", **about)
        elif result.failure:
            severity = logging.INFO if delivery.attempt < LASTING_ATTEMPT else logging.WARNING
            log.log(severity, "A push failed, it will be tried again", **about)
        else:
            log.info("A push was accepted", **about)

    async def _wait(self, seconds: float) -> None:
        await wait_or_stop(self._woken, seconds)
        self._woken.clear()


def push_body(claimed: Claimed, public_url: str) -> bytes:
    """The body of a push, the same bytes for every try: ``type``, ``timestamp``, ``data``, ``ack_url``."""
    happened_at = datetime.fromtimestamp(claimed.happened_at, UTC)
    return orjson.dumps(
        {
            "type": claimed.kind,
            "timestamp": utc_text(happened_at),
            "data": orjson.Fragment(claimed.data),
            "ack_url": f"{public_url}/v1/deliveries/{claimed.delivery.id}/ack",
        }
    )


def _policy(claimed: Claimed) -> PushPolicy:
    frozen: dict[str, Any] = json.loads(claimed.policy)
    return PushPolicy(**{**frozen, "delays": tuple(frozen["delays"])})


def _policy_or_default(claimed: Claimed) -> PushPolicy:
    try:
        return _policy(claimed)
    except (ValueError, TypeError, KeyError):
        return policy_of(claimed.delivery.lane)  # an unreadable stored policy must not cause a hot loop


def _facts(delivery: Delivery, result: PushResult, step: PushDecision, now: float) -> list[OutgoingRecord]:
    kind = "delivered" if result.accepted else "failed"
    details = {
        "status_code": result.status_code,
        "error_code": result.failure,
        "latency_ms": round(result.latency_ms, 1),
    }
    facts = [fact_of(delivery, kind, at=now, state=step.state, **details)]
    if step.state is DeliveryState.EXHAUSTED:
        facts.append(fact_of(delivery, "exhausted", at=now, state=step.state, **details))
    return facts
