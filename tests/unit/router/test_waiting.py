"""The age of the oldest undecided report, from the consumed and the decided records."""

from aiokafka import TopicPartition

from services.router.undecided import WaitingReports
from shared.messaging.received import Record
from tests.support.builders.records import consumer_record

NOW = 1_000.0
EMERGENCY = TopicPartition("reports.emergency.v1", 0)


class Partitions:
    """The lag of the assigned partitions; other partitions are missing."""

    def __init__(self) -> None:
        self.ends: dict[TopicPartition, int] = {EMERGENCY: 10}
        self.waiting = WaitingReports(self.ends.get, now=lambda: NOW)


def _record(offset: int, seconds_ago: float, partition: int = 0) -> Record:
    return consumer_record(
        b"",
        topic="reports.emergency.v1",
        partition=partition,
        offset=offset,
        timestamp=int((NOW - seconds_ago) * 1000),
    )


def test_nothing_taken_means_nothing_waits() -> None:
    """Before the first record the age is zero."""
    assert Partitions().waiting.oldest_seconds() == 0


def test_the_oldest_in_hand_counts() -> None:
    """The first record of the current batch is the oldest."""
    partitions = Partitions()

    partitions.waiting.taken([_record(3, 30), _record(4, 20)])

    assert partitions.waiting.oldest_seconds() == 30


def test_a_batch_that_came_back_to_kafka_still_waits() -> None:
    """A record that was consumed and not decided keeps ageing, also after a later batch of another partition."""
    partitions = Partitions()
    partitions.ends[TopicPartition("reports.emergency.v1", 1)] = 1

    partitions.waiting.taken([_record(9, 30)])
    partitions.waiting.taken([_record(0, 5, partition=1)])
    partitions.waiting.decided([_record(0, 5, partition=1)])

    assert partitions.waiting.oldest_seconds() == 30


def test_behind_the_last_decided_one_others_wait() -> None:
    """With a lag the age is that of the last decided record; without a lag it is zero."""
    partitions = Partitions()
    batch = [_record(7, 30), _record(8, 20)]

    partitions.waiting.taken(batch)
    partitions.waiting.decided(batch)

    assert partitions.waiting.oldest_seconds() == 20
    partitions.ends[EMERGENCY] = 9
    assert partitions.waiting.oldest_seconds() == 0


def test_a_partition_that_moved_away_is_no_longer_ours() -> None:
    """A partition that was reassigned is no longer counted."""
    partitions = Partitions()
    partitions.waiting.taken([_record(9, 30)])

    partitions.ends.clear()

    assert partitions.waiting.oldest_seconds() == 0


def test_a_partition_that_came_back_waits_for_nothing_until_something_is_taken() -> None:
    """A partition that is assigned again counts only after the next record is consumed."""
    partitions = Partitions()
    partitions.waiting.taken([_record(3, 30)])
    partitions.waiting.decided([_record(3, 30)])

    partitions.ends.clear()
    assert partitions.waiting.oldest_seconds() == 0
    partitions.ends[EMERGENCY] = 50

    assert partitions.waiting.oldest_seconds() == 0
    partitions.waiting.taken([_record(49, 2)])
    assert partitions.waiting.oldest_seconds() == 2
