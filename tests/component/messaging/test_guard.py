"""Records that FastStream would skip silently or retry forever reach the ack rule like any other record."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from faststream.kafka import TestKafkaBroker

from shared.messaging.received import Record
from shared.messaging.subscribing import Subscription, make_broker, subscribe
from shared.settings import KafkaSettings, ServiceSettings
from tests.support.builders.records import consumer_record

BAD = [
    pytest.param(b"{}", [("x", None)], id="null header"),
    pytest.param(b"{}", [("x", b"\xff\xfe")], id="binary header"),
    pytest.param(b"{}", [("content-type", None)], id="null content-type"),
    pytest.param(b"{}", [("correlation_id", b"\xff")], id="binary correlation id"),
    pytest.param(None, [], id="tombstone"),
    pytest.param(None, [("content-type", b"application/json")], id="tombstone called JSON"),
    pytest.param(b"", [("content-type", b"application/json")], id="empty called JSON"),
    pytest.param(b"{broken", [("content-type", b"application/json")], id="broken JSON"),
    pytest.param(b"\xff\xfe", [("content-type", b"text/plain")], id="no text"),
]


class _Settled:
    """Stores the records that it gets; raises on demand."""

    def __init__(self) -> None:
        self.calls: list[list[Record]] = []
        self.error: Exception | None = None

    async def settle(self, records: Sequence[Record]) -> None:
        self.calls.append(list(records))
        if self.error:
            raise self.error


class _Reader:
    """A subscription on FastStream's test broker."""

    def __init__(self, *, batch: bool) -> None:
        self.settled = _Settled()
        self.batch = batch
        settings = ServiceSettings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))
        self.broker = make_broker(settings)
        reading = Subscription(group="guard", topics=["guard.v1"], batch=batch)
        self.subscriber = subscribe(self.broker, reading, self.settled, settings=settings)

    async def read(self, records: Sequence[Record]) -> None:
        """Pass records as aiokafka does: one by one, or as a tuple."""
        for message in [tuple(records)] if self.batch else records:
            await self.subscriber.process_message(message)


@pytest.fixture(params=[False, True], ids=["one by one", "batch"])
async def reader(request: pytest.FixtureRequest) -> AsyncIterator[_Reader]:
    """Both ways of reading."""
    made = _Reader(batch=request.param)
    async with TestKafkaBroker(made.broker):
        yield made


@pytest.mark.parametrize(("value", "headers"), BAD)
async def test_a_bad_record_among_good_ones_reaches_the_rule_unchanged(
    reader: _Reader, value: bytes | None, headers: list[tuple[str, Any]]
) -> None:
    """Neither a bad record nor its neighbours are skipped, and its headers and value are unchanged."""
    good = [consumer_record(b'{"n": 1}', [("ce_id", b"1")], offset=offset) for offset in (0, 2)]
    bad = consumer_record(value, headers, offset=1)

    await reader.read([good[0], bad, good[1]])

    handed = [record for call in reader.settled.calls for record in call]
    assert handed == [good[0], bad, good[1]]
    assert len(reader.settled.calls) == (1 if reader.batch else 3)


async def test_what_the_rule_raises_reaches_faststream(reader: _Reader) -> None:
    """An error of the rule, which returns the record to Kafka, is not swallowed."""
    reader.settled.error = RuntimeError("not acknowledged")

    with pytest.raises(RuntimeError, match="not acknowledged"):
        await reader.read([consumer_record(b"{}")])


def test_the_broker_loses_nothing_by_its_settings() -> None:
    """The FastStream defaults that lose or repeat records are changed."""
    settings = ServiceSettings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    broker = make_broker(settings)
    subscriber = subscribe(broker, Subscription(group="g", topics=["t"]), _Settled(), settings=settings)

    assert subscriber.ack_policy.value == "nack_on_error"
    assert broker.config.broker_config.graceful_timeout == 10
    options = subscriber._connection_args  # noqa: SLF001  # FastStream has no public name for them
    assert options["enable_auto_commit"] is False
    assert options["auto_offset_reset"] == "earliest"
    assert options["session_timeout_ms"] < options["max_poll_interval_ms"]
    assert options["group_instance_id"] == "g-0"
