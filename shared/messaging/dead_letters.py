"""Dead letters: a record that can never be processed is stored with the reason before the offset moves."""

import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from aiokafka import TopicPartition

from shared import VERSION
from shared.errors import DeadLetterCode
from shared.events import topics
from shared.events.envelope import Headers, text_headers
from shared.events.outgoing import OutgoingRecord
from shared.events.unreadable import MAX_RAW_BYTES
from shared.messaging.producer import EventProducer
from shared.messaging.received import Record
from shared.observability.logs import logger
from shared.observability.metrics import MessagingMetrics
from shared.observability.tracing import trace_id_of

MAX_HEADER_BYTES = 4 * 1024
CONSECUTIVE_LIMIT = 5
WINDOW = 100
WINDOW_LIMIT = 20
MAX_KEY_BYTES = 1024  # a report id has 36; a record's key counts towards the request's size as its value does
MAX_INHERITED_CHARACTERS = 100  # what a header that others wrote may add to the reasons

REASON_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "dlq-original-topic": "Topic that the record was read from",
        "dlq-original-partition": "Its partition",
        "dlq-original-offset": "Its offset",
        "dlq-original-timestamp": "Its timestamp, ms since 1970",
        "dlq-original-group": "The consumer group that gave up on it",
        "dlq-error-class": "The error's class; never its text, which may quote a person",
        "dlq-error-code": "The reason, from a closed list",
        "dlq-attempts": "How often it was tried",
        "dlq-first-failed-at": "When it was first given up, ms since 1970; kept over redrives",
        "dlq-service": "The service that gave up",
        "dlq-version": "That service's version",
        "dlq-redrive-count": "How often it was sent back to its topic",
        "event-id": "The record's ce_id, where it had one",
        "trace-id": "The record's trace, where it had one",
    }
)

log = logger(__name__)


class DeadLetters:
    """Writes the dead letters of one service and lane."""

    def __init__(
        self, producer: EventProducer, *, service: str, lane: str | None, group: str, metrics: MessagingMetrics
    ) -> None:
        self.topic = topics.dead_letters(service, lane)
        self._producer = producer
        self._service = service
        self._lane = lane or "all"
        self._group = group
        self._metrics = metrics

    async def write(self, record: Record, code: DeadLetterCode, error_class: str, attempts: int) -> None:
        """Keep a record; returns once Kafka has it on all in-sync replicas.

        Raises:
            BrokerUnavailable: it could not be written, so the record must not be acknowledged.
        """
        value = record.value or b""
        headers = self._reasons(record, code, error_class, attempts)
        if len(value) > MAX_RAW_BYTES:
            headers.append(("dlq-truncated", str(len(value)).encode()))
        headers.extend(_original_headers(record, MAX_HEADER_BYTES - _size(headers)))
        key = (record.key or b"")[:MAX_KEY_BYTES]
        await self._producer.send_all([OutgoingRecord(self.topic, key, value[:MAX_RAW_BYTES], headers)])
        self._metrics.dead_letters.labels(self._service, self._lane, code).inc()
        log.error(
            "A record was dead-lettered",
            code=code,
            error=error_class,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            dead_letter_topic=self.topic,
        )

    def _reasons(self, record: Record, code: DeadLetterCode, error_class: str, attempts: int) -> Headers:
        original = text_headers(record.headers)
        reasons = {
            "dlq-original-topic": record.topic,
            "dlq-original-partition": str(record.partition),
            "dlq-original-offset": str(record.offset),
            "dlq-original-timestamp": str(record.timestamp),
            "dlq-original-group": self._group,
            "dlq-error-class": error_class,
            "dlq-error-code": code,
            "dlq-attempts": str(attempts),
            "dlq-first-failed-at": _inherited(original, "dlq-first-failed-at", str(int(time.time() * 1000))),
            "dlq-service": self._service,
            "dlq-version": VERSION,
            "dlq-redrive-count": _inherited(original, "dlq-redrive-count", "0"),
            "event-id": _inherited(original, "ce_id", ""),
            "trace-id": trace_id_of(original.get("traceparent")) or "",
        }
        return [(name, value.encode()) for name, value in reasons.items()]


def _inherited(original: Mapping[str, str], name: str, default: str) -> str:
    return original.get(name, default)[:MAX_INHERITED_CHARACTERS]


def _original_headers(record: Record, room: int) -> Headers:
    """The record's own text headers, as many as fit; null, binary and oversized ones are left behind."""
    kept: Headers = []
    for name, value in text_headers(record.headers).items():
        pair = (name, value.encode())
        if name.startswith("dlq-") or _size([pair]) > room:
            continue
        room -= _size([pair])
        kept.append(pair)
    return kept


def _size(headers: Headers) -> int:
    return sum(len(name.encode()) + len(value) for name, value in headers)


@dataclass
class DeadLetterLimit:
    """Counts, per partition, the errors that our own code did not classify.

    More than 5 in a row, or more than 20 of the last 100 once 100 were seen, look like a bad deploy and not like bad
    records (``docs/promises.md``, Dead letters, 5).
    """

    _consecutive: dict[TopicPartition, int] = field(default_factory=lambda: defaultdict(int))
    _recent: dict[TopicPartition, deque[bool]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=WINDOW))
    )

    def succeeded(self, record: Record) -> None:
        """Note a record that went well."""
        partition = TopicPartition(record.topic, record.partition)
        self._consecutive[partition] = 0
        self._recent[partition].append(False)

    def failed(self, record: Record) -> bool:
        """Note an unclassified failure; True where it is one too many."""
        partition = TopicPartition(record.topic, record.partition)
        self._consecutive[partition] += 1
        recent = self._recent[partition]
        recent.append(True)
        return self._consecutive[partition] > CONSECUTIVE_LIMIT or (
            len(recent) == WINDOW and sum(recent) > WINDOW_LIMIT
        )
