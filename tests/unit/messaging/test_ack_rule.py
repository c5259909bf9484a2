"""The ack rule, branch by branch, with an in-memory producer that fails on demand.

Returning from `settle` acknowledges the records; raising returns them to Kafka.
"""

import pytest

from shared.errors import BrokerUnavailable, DatabaseUnavailable, TransientError, UnreadableBody
from shared.events.outgoing import OutgoingRecord
from shared.messaging import ack_rule
from shared.messaging.ack_rule import GroupStopped
from tests.support.apps.settling import DEAD, TOPIC, RuledConsumer
from tests.support.kafka.producer import headers


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the retry delays to zero."""
    monkeypatch.setattr(ack_rule, "TRANSIENT_WAITS", (0.001,) * 5)
    monkeypatch.setattr(ack_rule, "UNCLASSIFIED_WAITS", (0.001, 0.001))
    monkeypatch.setattr(ack_rule, "NACK_SECONDS", 0.001)


async def test_success_publishes_what_follows_and_acknowledges() -> None:
    """The batch is handled in one call, its outputs are published, and nothing is dead-lettered."""
    consumer = RuledConsumer()

    await consumer.settle("a", "b")

    assert consumer.handled == [["a", "b"]]
    assert consumer.outputs() == ["out of a", "out of b"]
    assert consumer.dead() == []
    assert consumer.count("done") == 2


async def test_what_the_parser_refuses_is_dead_lettered_and_the_rest_handled() -> None:
    """A bad record is dead-lettered and gets its fallback; the good records of the batch are handled."""
    consumer = RuledConsumer()

    await consumer.settle("a", b"\xff", "b")

    assert consumer.handled == [["a", "b"]]
    assert consumer.dead() == [(b"\xff", "unreadable_body")]
    assert [record.value for record in consumer.producer.on("fallback")] == [b"\xff unreadable_body"]
    assert (consumer.count("done"), consumer.count("dead_lettered")) == (2, 1)


async def test_a_batch_of_bad_records_only_is_acknowledged() -> None:
    """A batch without good records is acknowledged."""
    consumer = RuledConsumer()

    await consumer.settle(b"\xff", b"\xfe")

    assert consumer.handled in ([], [[]])
    assert len(consumer.dead()) == 2


async def test_a_permanent_error_takes_only_its_own_record() -> None:
    """The records of a failed batch are handled one by one; only the bad one is dead-lettered."""
    consumer = RuledConsumer(fails={"b": [UnreadableBody("no"), UnreadableBody("no")]})

    await consumer.settle("a", "b", "c")

    assert consumer.dead() == [(b"b", "unreadable_body")]
    assert {"out of a", "out of c"} == set(consumer.outputs())
    assert consumer.count("done") == 2


@pytest.mark.parametrize("error", [BrokerUnavailable("down"), DatabaseUnavailable("down"), TransientError("down")])
async def test_a_transient_error_is_waited_out_in_place(error: TransientError) -> None:
    """A transient error that ends within the retries leaves no trace."""
    consumer = RuledConsumer(fails={"a": [error, error]})

    await consumer.settle("a")

    assert consumer.handled == [["a"]] * 3
    assert consumer.dead() == []
    assert consumer.count("done") == 1


async def test_a_transient_error_that_stays_gives_the_batch_back() -> None:
    """After the last retry the records return to Kafka: none is dead-lettered or acknowledged."""
    consumer = RuledConsumer(fails={"b": [DatabaseUnavailable("down")] * 10})

    with pytest.raises(DatabaseUnavailable):
        await consumer.settle("a", "b")

    assert consumer.dead() == []
    assert (consumer.count("done"), consumer.count("returned")) == (0, 2)


async def test_waiting_in_place_ends_before_kafka_takes_the_partition_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """No retry starts after the retry time, because a handler past max.poll.interval loses its partitions."""
    monkeypatch.setattr(ack_rule, "RETRY_SECONDS", 0.0)
    consumer = RuledConsumer(fails={"a": [DatabaseUnavailable("down")] * 10})

    with pytest.raises(DatabaseUnavailable):
        await consumer.settle("a")

    assert len(consumer.handled) == 1
    assert sum((0.5, 1.0, 2.0, 4.0, 8.0)) < 30


async def test_a_stop_does_not_wait_for_a_retry() -> None:
    """On a stop, the rule returns the record to Kafka at once."""
    consumer = RuledConsumer(fails={"a": [DatabaseUnavailable("down")] * 10})
    consumer.stopping.set()

    with pytest.raises(DatabaseUnavailable):
        await consumer.settle("a")

    assert len(consumer.handled) == 1


async def test_outputs_that_kafka_does_not_take_are_not_acknowledged() -> None:
    """R2: the offset moves only after every output is acknowledged."""
    consumer = RuledConsumer()
    consumer.producer.refused_topics = frozenset({"out"})

    with pytest.raises(BrokerUnavailable):
        await consumer.settle("a")

    assert consumer.count("done") == 0


async def test_an_output_that_is_too_large_is_a_bad_record() -> None:
    """A record whose outputs are too large for Kafka is dead-lettered instead of retried forever."""
    consumer = RuledConsumer()

    await consumer.settle("x" * 300_000, "good")

    assert [code for _, code in consumer.dead()] == ["too_large"]
    assert "out of good" in consumer.outputs()


@pytest.mark.parametrize("topic", [DEAD, "fallback"])
async def test_a_bad_record_stays_where_its_dead_letter_or_fallback_cannot_be_written(topic: str) -> None:
    """Without a stored dead letter and fallback, a bad record is not acknowledged."""
    consumer = RuledConsumer()
    consumer.producer.refused_topics = frozenset({topic})

    with pytest.raises(BrokerUnavailable):
        await consumer.settle("a", b"\xff")

    assert consumer.count("dead_lettered") == 0


async def test_an_unclassified_error_has_three_tries() -> None:
    """An unexpected error is retried; after three tries the dead letter has its class and not its text."""
    consumer = RuledConsumer(fails={"a": [KeyError("secret")] * 3, "b": [KeyError("secret")] * 10})

    await consumer.settle("a")
    assert consumer.outputs() == ["out of a"]

    await consumer.settle("b")
    (letter,) = consumer.producer.on(DEAD)
    said = headers(letter)
    assert (said["dlq-error-code"], said["dlq-error-class"], said["dlq-attempts"]) == ("unclassified", "KeyError", "3")
    assert b"secret" not in b"".join(value for _, value in letter.headers)


async def test_an_unclassified_failure_has_a_fallback_too() -> None:
    """A record that crashes the handler gets its fallback."""
    consumer = RuledConsumer(fails={"a": [KeyError()] * 10})

    await consumer.settle("a")

    assert [record.value for record in consumer.producer.on("fallback")] == [b"a unclassified"]


async def test_a_fallback_never_returns_to_the_topic_that_failed() -> None:
    """A fallback for the consumed topic is not published, because it would fail there again and grow."""
    consumer = RuledConsumer(fails={"a": [KeyError()] * 10})
    consumer.rule.fallback = lambda record, _error: [OutgoingRecord(TOPIC, b"", record.value or b"", [])]

    await consumer.settle("a")

    assert consumer.producer.on(TOPIC) == []
    assert len(consumer.dead()) == 1


async def test_past_the_dead_letter_limit_the_consumer_stops_and_pages() -> None:
    """A sixth failure in a row counts as a bad deploy: nothing more is dead-lettered or acknowledged."""
    bad = [f"bad{number}" for number in range(7)]
    consumer = RuledConsumer(fails={value: [KeyError()] * 10 for value in bad})
    for value in bad[:5]:
        await consumer.settle(value)

    with pytest.raises(GroupStopped):
        await consumer.settle(bad[5])
    with pytest.raises(GroupStopped):
        await consumer.settle("good")

    assert len(consumer.dead()) == 5
    assert len(consumer.stops) == 1
    assert consumer.outputs() == []
    assert consumer.registry.get_sample_value("laksa_consumer_halted", {"group": "router-emergency"}) == 1


async def test_bad_records_have_no_limit() -> None:
    """Records that the parser refuses never stop the consumer."""
    consumer = RuledConsumer()

    await consumer.settle(*[b"\xff"] * 200)

    assert len(consumer.dead()) == 200
    assert consumer.stops == []


async def test_handled_again_the_same_follows() -> None:
    """A repeat after a lost acknowledgement publishes the same records."""
    consumer = RuledConsumer()

    await consumer.settle("a")
    await consumer.settle("a")

    assert consumer.producer.sent[0] == consumer.producer.sent[1]
