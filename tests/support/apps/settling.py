"""The ack rule with handlers and parsers that fail on demand, and a recording producer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from shared.errors import PermanentError, UnreadableBody
from shared.events.outgoing import OutgoingRecord
from shared.messaging.ack_rule import AckRule, no_fallback
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.received import Record
from shared.observability.metrics import MessagingMetrics
from tests.support.builders.records import consumer_record
from tests.support.kafka.producer import InMemoryProducer, headers

TOPIC = "reports.emergency.v1"
DEAD = "router.emergency.dlq.v1"


@dataclass
class RuledConsumer:
    """An ack rule whose events are the records' values as text, with a recording producer.

    ``fails`` and ``unparsable`` are the errors that handling or parsing a value raises, in turn.
    """

    fails: dict[str, list[Exception]] = field(default_factory=dict)
    unparsable: dict[str, list[Exception]] = field(default_factory=dict)
    handled: list[list[str]] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    producer: InMemoryProducer = field(default_factory=InMemoryProducer)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    has_fallback: bool = True

    def __post_init__(self) -> None:
        metrics = MessagingMetrics(self.registry)
        self.rule: AckRule[str] = AckRule(
            group="router-emergency",
            parse=self._parse,
            handle=self._handle,
            producer=self.producer,
            dead_letters=DeadLetters(
                self.producer, service="router", lane="emergency", group="router-emergency", metrics=metrics
            ),
            metrics=metrics,
            stopping=self.stopping,
            stop_consuming=self.stops.append,
            fallback=self._fallback if self.has_fallback else no_fallback,
        )

    async def settle(self, *values: str | bytes) -> None:
        """Settle records with these values, in one batch."""
        await self.rule.settle(_records(*values))

    def outputs(self) -> list[str]:
        """The published outputs of the handler."""
        return [record.value.decode() for record in self.producer.on("out")]

    def dead(self) -> list[tuple[bytes, str]]:
        """Value and reason of each dead letter."""
        return [(record.value, headers(record)["dlq-error-code"]) for record in self.producer.on(DEAD)]

    def count(self, fate: str) -> float:
        """The number of records with this outcome."""
        labels = {"topic": TOPIC, "fate": fate}
        return self.registry.get_sample_value("laksa_records_settled_total", labels) or 0.0

    def _parse(self, record: Record) -> str:
        try:
            text = (record.value or b"").decode()
        except UnicodeDecodeError as error:
            raise UnreadableBody("The body is not text") from error
        if self.unparsable.get(text):
            raise self.unparsable[text].pop(0)
        return text

    async def _handle(self, events: Sequence[str]) -> Sequence[OutgoingRecord]:
        self.handled.append(list(events))
        for event in events:
            if self.fails.get(event):
                raise self.fails[event].pop(0)
        return [OutgoingRecord("out", b"", f"out of {event}".encode(), []) for event in events]

    def _fallback(self, record: Record, error: PermanentError) -> Sequence[OutgoingRecord]:
        return [OutgoingRecord("fallback", b"", (record.value or b"")[:100] + b" " + error.code.encode(), [])]


def _records(*values: str | bytes) -> list[Record]:
    """Records of one partition, in order."""
    as_bytes = [value.encode() if isinstance(value, str) else value for value in values]
    return [consumer_record(value, topic=TOPIC, offset=offset) for offset, value in enumerate(as_bytes)]
