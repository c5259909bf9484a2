"""The ack rule with errors in a parser, a fallback or a dead letter, and after it has stopped."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.errors import DatabaseUnavailable, PermanentError
from shared.events.outgoing import OutgoingRecord
from shared.messaging import ack_rule
from shared.messaging.ack_rule import GroupStopped
from shared.messaging.received import Record
from tests.support.apps.settling import DEAD, TOPIC, RuledConsumer
from tests.support.builders.records import consumer_record
from tests.support.kafka.producer import headers


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the retry delays to zero."""
    monkeypatch.setattr(ack_rule, "TRANSIENT_WAITS", (0.001,) * 5)
    monkeypatch.setattr(ack_rule, "UNCLASSIFIED_WAITS", (0.001, 0.001))
    monkeypatch.setattr(ack_rule, "NACK_SECONDS", 0.001)


async def test_a_stopped_rule_gives_records_back_without_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped rule returns each further record after a delay, so that there is no busy loop."""
    bad = [f"bad{number}" for number in range(6)]
    consumer = RuledConsumer(fails={value: [KeyError()] * 10 for value in bad})
    with pytest.raises(GroupStopped):
        await consumer.settle(*bad)
    monkeypatch.setattr(ack_rule, "NACK_SECONDS", 0.2)
    consumer.stopping.set()
    started = asyncio.get_running_loop().time()

    with pytest.raises(GroupStopped):
        await consumer.settle("good")

    assert asyncio.get_running_loop().time() - started >= 0.19
    assert len(consumer.stops) == 1


async def test_an_error_of_the_parser_that_nobody_classified_has_three_tries() -> None:
    """An unexpected parser error is tried three times and dead-lettered; the other records are handled."""
    consumer = RuledConsumer(unparsable={"bad": [KeyError("secret")] * 3, "late": [KeyError()] * 2})

    await consumer.settle("a", "bad", "late", "b")

    (letter,) = consumer.producer.on(DEAD)
    said = headers(letter)
    assert (said["dlq-error-code"], said["dlq-error-class"], said["dlq-attempts"]) == ("unclassified", "KeyError", "3")
    assert consumer.outputs() == ["out of a", "out of late", "out of b"]
    assert [record.value for record in consumer.producer.on("fallback")] == [b"bad unclassified"]
    assert (consumer.count("done"), consumer.count("dead_lettered")) == (3, 1)


async def test_a_parser_that_always_fails_stops_the_group() -> None:
    """Six unexpected parser errors in a row exceed the dead-letter limit."""
    bad = [f"bad{number}" for number in range(6)]
    consumer = RuledConsumer(unparsable={value: [KeyError()] * 10 for value in bad})

    with pytest.raises(GroupStopped):
        await consumer.settle(*bad)

    assert len(consumer.dead()) == 5
    assert len(consumer.stops) == 1


async def test_good_records_between_bad_ones_keep_the_group_running() -> None:
    """Consecutive parser errors are counted in the order of the records, not of the processing."""
    bad = [f"bad{number}" for number in range(8)]
    consumer = RuledConsumer(unparsable={value: [KeyError()] * 10 for value in bad})

    await consumer.settle(*[value for number in range(8) for value in (f"bad{number}", f"good{number}")])

    assert len(consumer.dead()) == 8
    assert len(consumer.outputs()) == 8
    assert consumer.stops == []


async def test_a_parser_that_waits_for_something_gives_the_batch_back() -> None:
    """A transient error of the parser returns the batch to Kafka."""
    consumer = RuledConsumer(unparsable={"a": [DatabaseUnavailable("down")]})

    with pytest.raises(DatabaseUnavailable):
        await consumer.settle("a")

    assert (consumer.dead(), consumer.count("returned")) == ([], 1)


@pytest.mark.parametrize("value", [b"\xff", b"crashes"])
async def test_a_fallback_that_fails_leaves_the_dead_letter(value: bytes) -> None:
    """A failing fallback is tried three times; then the record is dead-lettered and acknowledged."""
    consumer = RuledConsumer(fails={"crashes": [KeyError()] * 10})
    calls: list[Record] = []

    def fail(record: Record, _error: PermanentError) -> Sequence[OutgoingRecord]:
        calls.append(record)
        raise KeyError

    consumer.rule.fallback = fail

    await consumer.settle("a", value, "b")

    assert consumer.dead() == [(value, "unclassified")]
    assert calls
    assert sorted(consumer.outputs()) == ["out of a", "out of b"]


async def test_a_fallback_that_is_too_large_leaves_the_dead_letter() -> None:
    """A fallback that is too large is dropped; the record's dead letter is truncated and published."""
    consumer = RuledConsumer()
    consumer.rule.fallback = lambda _record, _error: [OutgoingRecord("fallback", b"", b"x" * 300_000, [])]

    await consumer.settle(b"\xff")

    assert [value for value, _ in consumer.dead()] == [b"\xff"]


async def test_a_record_whose_dead_letter_cannot_be_made_stops_the_group() -> None:
    """A record that can be neither handled nor dead-lettered stays in Kafka, and the group stops."""
    consumer = RuledConsumer(has_fallback=False)
    record = consumer_record(b"\xff", topic=TOPIC)
    record.headers = None  # makes the reading of headers fail

    with pytest.raises(GroupStopped):
        await consumer.rule.settle([record])

    assert len(consumer.stops) == 1
    assert consumer.producer.sent == []
    assert consumer.registry.get_sample_value("laksa_consumer_halted", {"group": "router-emergency"}) == 1
