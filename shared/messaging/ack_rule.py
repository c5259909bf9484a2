"""The ack rule: when does a record count as done?

success            → publish what the handler returned, then ack
permanent error    → dead letter, then ack; if it cannot be written, no ack
transient error    → wait, retry in place for less than 30 s in all, then back to Kafka
unclassified error → three tries, then as permanent; past the dead-letter limit the consumer group stops and pages

A handler takes events and returns the records that follow from them. It is safe to run twice: every id is derived.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from shared.errors import LaksaError, PermanentError, TransientError
from shared.events.outgoing import OutgoingRecord
from shared.messaging.dead_letters import DeadLetterLimit, DeadLetters
from shared.messaging.producer import EventProducer
from shared.messaging.received import Record
from shared.observability.logs import logger
from shared.observability.metrics import MessagingMetrics, count_by_topic
from shared.process.waiting import wait_or_stop

TRANSIENT_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds
RETRY_SECONDS = 25.0  # no new try after this; with one publish deadline on top still under max.poll.interval (60 s)
NACK_SECONDS = 1.0  # FastStream hands a returned record out again at once, 800 times a second
UNCLASSIFIED_WAITS = (0.2, 1.0)  # seconds; three tries, so that a bad record is out of the way within 5 s

T = TypeVar("T")
Parse = Callable[[Record], T]
Handle = Callable[[Sequence[T]], Awaitable[Sequence[OutgoingRecord]]]
Fallback = Callable[[Record, PermanentError], Sequence[OutgoingRecord]]

log = logger(__name__)


class GroupStopped(LaksaError):  # noqa: N818  # named after what happened
    """This consumer group gave up; it takes no more records until the service is restarted."""


class Settling(Protocol):
    """What decides the fate of records: `AckRule`, or what a service puts around one."""

    async def settle(self, records: Sequence[Record]) -> None:
        """Returning acknowledges the records; raising gives them back to Kafka."""


def no_fallback(_record: Record, _error: PermanentError) -> Sequence[OutgoingRecord]:
    """A bad record of this consumer goes to its dead letters only."""
    return ()


@dataclass
class AckRule(Generic[T]):
    """Applies the rule to the records of one subscription.

    ``fallback`` says where a bad record goes besides its dead letter (an unreadable emergency is still an emergency).
    ``stop_consuming`` is called once, with the reason, when the group has to stop.
    """

    group: str
    parse: Parse[T]
    handle: Handle[T]
    producer: EventProducer
    dead_letters: DeadLetters
    metrics: MessagingMetrics
    stopping: asyncio.Event
    stop_consuming: Callable[[str], None]
    fallback: Fallback = no_fallback

    def __post_init__(self) -> None:
        self._limit = DeadLetterLimit()
        self._stopped = False

    async def settle(self, records: Sequence[Record]) -> None:
        """Decide the fate of records. Returning acknowledges them; raising gives them back to Kafka."""
        if self._stopped:
            # stopping the group may take a while, or fail: records that still come must not come in a busy loop
            await asyncio.sleep(NACK_SECONDS)
            raise GroupStopped("Restart the service once the cause of its dead letters is fixed")
        count_by_topic(self.metrics.received, [record.topic for record in records])
        with self.metrics.handling.labels(self.group).time():
            try:
                await self._settle_all([(record, self._read(record)) for record in records])
            except TransientError:
                self._count(records, "returned")
                await wait_or_stop(self.stopping, NACK_SECONDS)
                raise
            except GroupStopped:
                raise
            except Exception as error:
                log.critical("A record could not even be dead-lettered", group=self.group, exc_info=True)
                raise self._stop("could not dead-letter a record") from error

    def _read(self, record: Record) -> T | Exception:
        """The record's event, or what the parser raised."""
        try:
            return self.parse(record)
        except Exception as error:  # noqa: BLE001  # what it is decides later how often the record is tried
            return error

    async def _settle_all(self, read: Sequence[tuple[Record, T | Exception]]) -> None:
        if any(isinstance(event, Exception) and not isinstance(event, PermanentError) for _, event in read):
            await self._settle_in_turn(read)  # in their order: the limit counts failures in a row
            return
        await self._settle_in_turn([(record, event) for record, event in read if isinstance(event, Exception)])
        await self._settle_together([(record, event) for record, event in read if not isinstance(event, Exception)])

    async def _settle_together(self, readable: Sequence[tuple[Record, T]]) -> None:
        try:
            await self._handle_retrying([event for _, event in readable])
        except TransientError:
            raise
        except Exception:  # noqa: BLE001  # one of them is bad: take them one by one and let each show its own error
            await self._settle_in_turn(readable)
        else:
            self._succeed([record for record, _ in readable])

    async def _settle_in_turn(self, read: Sequence[tuple[Record, T | Exception]]) -> None:
        for record, event in read:
            await self._settle_alone(record, event)

    async def _settle_alone(self, record: Record, event: T | Exception) -> None:
        for attempt, wait in enumerate((*UNCLASSIFIED_WAITS, None), start=1):
            try:
                await self._try(record, event, attempt)
            except TransientError:
                raise
            except Exception as error:
                log.exception("A record failed with an unclassified error", topic=record.topic, offset=record.offset)
                if wait is None:
                    await self._give_up_unclassified(record, error, attempts=attempt)
                    return
                self.metrics.retries.labels(self.group, "unclassified").inc()
                await wait_or_stop(self.stopping, wait)
                if isinstance(event, Exception) and not isinstance(event, PermanentError):
                    event = self._read(record)
            else:
                return

    async def _try(self, record: Record, event: T | Exception, attempt: int) -> None:
        """Handle one record, or give it up for a permanent error."""
        try:
            if isinstance(event, Exception):
                raise event
            await self._handle_retrying([event])
        except PermanentError as error:
            await self._give_up(record, error, attempts=attempt)
        else:
            self._succeed([record])

    async def _handle_retrying(self, events: Sequence[T]) -> None:
        """Run the handler and publish what it returns; retry transient errors."""
        give_up_at = asyncio.get_running_loop().time() + RETRY_SECONDS
        for wait in (*TRANSIENT_WAITS, None):
            try:
                await self.producer.send_all(await self.handle(events) if events else ())
            except TransientError as error:
                log.warning("Retrying after a transient error", group=self.group, reason=str(error))
                if wait is None or self.stopping.is_set() or asyncio.get_running_loop().time() + wait > give_up_at:
                    raise
                self.metrics.retries.labels(self.group, "transient").inc()
                await wait_or_stop(self.stopping, wait)
            else:
                return

    async def _give_up(self, record: Record, error: PermanentError, attempts: int) -> None:
        await self.producer.send_all(self.fallback(record, error))
        await self.dead_letters.write(record, error.code, type(error).__name__, attempts)
        self._count([record], "dead_lettered")

    async def _give_up_unclassified(self, record: Record, error: Exception, attempts: int) -> None:
        if self._limit.failed(record):
            log.critical("The dead-letter limit was passed, the group stops", group=self.group, topic=record.topic)
            raise self._stop("passed its dead-letter limit") from error
        await self._fall_back_if_possible(record)
        await self.dead_letters.write(record, "unclassified", type(error).__name__, attempts)
        self._count([record], "dead_lettered")

    async def _fall_back_if_possible(self, record: Record) -> None:
        """As ``fallback`` says; where that fails too, the dead letter alone keeps the record."""
        try:
            records = self.fallback(record, PermanentError("Our own code failed on it"))
            # not onto the topic that it came from: it would fail here again, for ever
            await self.producer.send_all([outgoing for outgoing in records if outgoing.topic != record.topic])
        except TransientError:
            raise
        except Exception:
            log.critical("The fallback of a bad record failed", topic=record.topic, offset=record.offset, exc_info=True)

    def _stop(self, reason: str) -> GroupStopped:
        self._stopped = True
        self.metrics.halted.labels(self.group).set(1)
        self.stop_consuming(f"The consumer group {self.group} {reason}; fix the cause and restart")
        return GroupStopped(f"The consumer group {reason}")

    def _succeed(self, records: Sequence[Record]) -> None:
        for record in records:
            self._limit.succeeded(record)
        self._count(records, "done")

    def _count(self, records: Sequence[Record], fate: str) -> None:
        count_by_topic(self.metrics.settled, [record.topic for record in records], fate)
