"""Subscriptions through FastStream under the ack rule, with a guard against records that FastStream skips silently."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.subscriber.usecase import LogicSubscriber
from faststream.message import StreamMessage
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram512

from shared.messaging.ack_rule import Settling
from shared.messaging.connection import connection_options
from shared.messaging.received import Record
from shared.settings import KafkaSettings, ServiceSettings

BATCH_RECORDS = 500
BATCH_WAIT_MS = 30


async def parse_without_headers(record: Any, parse: Any) -> StreamMessage[Any]:
    """Hide the headers from FastStream, then put the real record back.

    FastStream decodes every header. A null or binary header makes it skip the record, in batch mode the whole batch,
    and commit its offset.
    """
    # of a batch FastStream reads only the first and the last record, and copying every record costs too much
    bare = (_bare(record[0]), _bare(record[-1])) if _is_batch(record) else _bare(record)
    message: StreamMessage[Any] = await parse(bare)
    message.raw_message = record
    return message


async def hand_over_records(message: StreamMessage[Any]) -> tuple[Record, ...]:
    """Decode nothing: the ack rule reads the records itself, so that it also decides about bad JSON."""
    raw = message.raw_message
    return tuple(raw) if _is_batch(raw) else (raw,)


def _is_batch(raw: object) -> bool:
    return isinstance(raw, (tuple, list))  # a tuple from Kafka, a list from FastStream's test broker


def _bare(record: Record) -> Record:
    return replace(record, headers=(), value=record.value or b"")


def make_broker(settings: ServiceSettings) -> KafkaBroker:
    """A FastStream broker with settings that lose no record; it connects when started."""
    return KafkaBroker(
        settings.kafka.bootstrap_servers.split(","),
        security=_security(settings.kafka),
        parser=parse_without_headers,
        decoder=hand_over_records,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        apply_types=False,
        logger=None,
        acks="all",
        allow_auto_create_topics=False,
        graceful_timeout=settings.graceful_timeout.total_seconds(),
        retry_backoff_ms=500,
        metadata_max_age_ms=5_000,
    )


def _security(settings: KafkaSettings) -> BaseSecurity | None:
    options = connection_options(settings)
    uses_tls = settings.security_protocol.endswith("SSL")
    if "sasl_mechanism" in options:
        mechanism = SASLPlaintext if settings.sasl_mechanism == "PLAIN" else SASLScram512
        return mechanism(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            use_ssl=uses_tls,
            ssl_context=options.get("ssl_context"),
        )
    return BaseSecurity(use_ssl=True, ssl_context=options["ssl_context"]) if uses_tls else None


@dataclass(frozen=True, slots=True)
class Subscription:
    """What to read: topics or a pattern, as which group, one by one (emergency) or in batches (routine)."""

    group: str
    topics: Sequence[str] = ()
    pattern: str | None = None
    batch: bool = False
    title: str = ""
    description: str = ""


def subscribe(
    broker: KafkaBroker, subscription: Subscription, rule: Settling, *, settings: ServiceSettings
) -> LogicSubscriber[Any]:
    """Read topics under the ack rule. The offset moves only after ``rule.settle`` has returned."""
    options: dict[str, Any] = {}
    if subscription.batch:
        options = {"batch": True, "max_records": BATCH_RECORDS, "batch_timeout_ms": BATCH_WAIT_MS}
    if subscription.pattern:
        options["pattern"] = subscription.pattern
    subscriber: LogicSubscriber[Any] = broker.subscriber(
        *subscription.topics,
        **options,
        group_id=subscription.group,
        group_instance_id=f"{subscription.group}-{settings.instance}",
        auto_offset_reset="earliest",
        session_timeout_ms=6_000,
        heartbeat_interval_ms=2_000,
        max_poll_interval_ms=60_000,
        title=subscription.title or subscription.group,
        description=subscription.description,
    )

    async def take(records: tuple[Record, ...]) -> None:
        await rule.settle(records)

    subscriber(take)
    return subscriber
