"""Dead letters: always writable, with a reason, without the error's text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from shared.messaging.dead_letters import REASON_HEADERS, DeadLetterLimit, DeadLetters
from shared.messaging.producer import MAX_REQUEST_BYTES
from shared.messaging.received import Record
from shared.observability.metrics import MessagingMetrics
from tests.support.builders.records import TRACEPARENT, consumer_record
from tests.support.kafka.producer import InMemoryProducer, headers


async def _dead_letter(record: Record) -> tuple[InMemoryProducer, dict[str, str]]:
    producer = InMemoryProducer()
    letters = DeadLetters(
        producer,
        service="router",
        lane="routine",
        group="router-routine",
        metrics=MessagingMetrics(CollectorRegistry()),
    )
    await letters.write(record, "unreadable_body", "UnreadableBody", 1)
    return producer, headers(producer.sent[0])


async def test_a_dead_letter_says_from_where_and_why() -> None:
    """Topic, partition, offset, group, code and tries are in the headers; body, key and text headers are kept."""
    before = int(time.time() * 1000)
    record = consumer_record(
        b"{broken",
        [("ce_id", b"id-1"), ("traceparent", TRACEPARENT.encode()), ("x-own", b"kept")],
        partition=2,
        offset=42,
        timestamp=5,
    )

    producer, said = await _dead_letter(record)

    (letter,) = producer.sent
    assert (letter.topic, letter.key, letter.value) == ("router.routine.dlq.v1", b"key", b"{broken")
    first_failed = int(said.pop("dlq-first-failed-at"))
    assert before <= first_failed <= int(time.time() * 1000)
    assert said == {
        "dlq-original-topic": "reports.routine.v1",
        "dlq-original-partition": "2",
        "dlq-original-offset": "42",
        "dlq-original-timestamp": "5",
        "dlq-original-group": "router-routine",
        "dlq-error-class": "UnreadableBody",
        "dlq-error-code": "unreadable_body",
        "dlq-attempts": "1",
        "dlq-service": "router",
        "dlq-version": "0.1.0",
        "dlq-redrive-count": "0",
        "event-id": "id-1",
        "trace-id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "ce_id": "id-1",
        "traceparent": TRACEPARENT,
        "x-own": "kept",
    }


async def test_all_reason_headers_are_there_and_documented() -> None:
    """Every dead letter has exactly the documented reason headers."""
    _, said = await _dead_letter(consumer_record(None))

    assert list(said) == list(REASON_HEADERS)


async def test_a_redriven_record_keeps_its_history() -> None:
    """The time of the first failure and the redrive count are kept after the next failure."""
    _, said = await _dead_letter(consumer_record(b"", [("dlq-first-failed-at", b"7"), ("dlq-redrive-count", b"2")]))

    assert (said["dlq-first-failed-at"], said["dlq-redrive-count"]) == ("7", "2")


async def test_a_huge_value_is_cut_and_says_so() -> None:
    """A larger value is truncated to 128 KiB, and a header has its original size."""
    producer, said = await _dead_letter(consumer_record(b"x" * 1_000_000))

    assert len(producer.sent[0].value) == 128 * 1024
    assert said["dlq-truncated"] == "1000000"


async def test_a_value_at_the_limit_is_kept_whole() -> None:
    """A value at the limit is not truncated."""
    producer, said = await _dead_letter(consumer_record(b"x" * 128 * 1024))

    assert len(producer.sent[0].value) == 128 * 1024
    assert "dlq-truncated" not in said


@given(
    value=st.none() | st.binary(max_size=100),
    key=st.none() | st.binary(max_size=100) | st.just(b"k" * 1_000_000),
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "dlq-first-failed-at", "dlq-redrive-count", "traceparent", "x", "dlq-fake"])
            | st.text(max_size=20),
            st.none() | st.binary(max_size=60) | st.just(b"h" * 100_000),
        ),
        max_size=8,
    ),
)
async def test_any_record_can_be_dead_lettered(
    value: bytes | None, key: bytes | None, pairs: list[tuple[str, bytes | None]]
) -> None:
    """Null, binary and huge headers, huge keys and tombstones: the dead letter is always small enough for Kafka."""
    producer, said = await _dead_letter(consumer_record(value, pairs, key=key))

    (letter,) = producer.sent
    size = sum(len(name.encode()) + len(content) for name, content in letter.headers)
    assert size <= 4 * 1024
    assert len(letter.key) + len(letter.value) + size < MAX_REQUEST_BYTES
    assert "dlq-fake" not in said
    assert said["dlq-error-code"] == "unreadable_body"


@pytest.mark.parametrize(("failures", "stops"), [(5, False), (6, True)])
def test_more_than_five_in_a_row_stop(failures: int, stops: bool) -> None:  # noqa: FBT001  # a parameter of the table
    """Five failures in a row are allowed; the sixth counts as a bad deploy."""
    limit = DeadLetterLimit()

    assert [limit.failed(consumer_record(b"")) for _ in range(failures)][-1] is stops


def test_more_than_a_fifth_of_the_last_hundred_stops() -> None:
    """20 failures in 100 records are allowed; one more stops, also without two in a row."""
    limit = DeadLetterLimit()

    def alternate(failures: int) -> bool:
        answer = False
        for _ in range(failures):
            answer = limit.failed(consumer_record(b""))
            limit.succeeded(consumer_record(b""))
        return answer

    for _ in range(60):
        limit.succeeded(consumer_record(b""))
    assert alternate(20) is False
    assert alternate(1) is True


def test_few_failures_before_a_hundred_do_not_stop() -> None:
    """The share of failures is ignored below 100 records."""
    limit = DeadLetterLimit()

    for _ in range(10):
        limit.succeeded(consumer_record(b""))
        assert limit.failed(consumer_record(b"")) is False


def test_partitions_are_counted_apart() -> None:
    """Failures in a row are counted per partition."""
    limit = DeadLetterLimit()

    answers = [limit.failed(consumer_record(b"", partition=number % 2)) for number in range(10)]

    assert answers == [False] * 10
