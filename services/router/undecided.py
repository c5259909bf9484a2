"""The age of the oldest undecided report, from what was taken from Kafka and what was decided."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition

from shared.messaging.ack_rule import Settling
from shared.messaging.received import Record


@dataclass(slots=True)
class _Progress:
    since_ms: int  # timestamp of the oldest record in hand, or else of the last one that was decided
    next_offset: int
    in_hand: bool


class WaitingReports:
    """Knows, per partition, what was taken and not decided, and what was decided last.

    ``end_of`` gives a partition's end, or None if the partition is no longer assigned to this process. The age of the
    record after the last decided one is unknown until it is taken; the last one's age, slightly too high, is used.
    """

    def __init__(self, end_of: Callable[[TopicPartition], int | None], now: Callable[[], float] = time.time) -> None:
        self._end_of = end_of
        self._now = now
        self._progress: dict[TopicPartition, _Progress] = {}

    def taken(self, records: Sequence[Record]) -> None:
        """Record that these records were read from Kafka, in order."""
        oldest = {_partition_of(record): record for record in reversed(records)}
        for partition, record in oldest.items():
            self._progress[partition] = _Progress(record.timestamp, record.offset, in_hand=True)

    def decided(self, records: Sequence[Record]) -> None:
        """Record that these records' outputs are in Kafka."""
        last = {_partition_of(record): record for record in records}
        for partition, record in last.items():
            self._progress[partition] = _Progress(record.timestamp, record.offset + 1, in_hand=False)

    def oldest_seconds(self) -> float:
        """Age of the oldest undecided record, in seconds; 0 if none is waiting."""
        ends = {partition: end for partition in self._progress if (end := self._end_of(partition)) is not None}
        # a partition that is assigned again starts afresh: the other consumer's progress is unknown here
        self._progress = {partition: self._progress[partition] for partition in ends}
        waiting = [
            progress.since_ms
            for partition, progress in self._progress.items()
            if progress.in_hand or ends[partition] > progress.next_offset
        ]
        return max(0.0, self._now() - min(waiting) / 1000) if waiting else 0.0


@dataclass(frozen=True, slots=True)
class WatchedRule:
    """The ack rule, plus a record of what is in hand, because the age of the oldest undecided report is an alarm."""

    waiting: WaitingReports
    rule: Settling

    async def settle(self, records: Sequence[Record]) -> None:
        """As `AckRule.settle`; records that go back to Kafka stay undecided."""
        self.waiting.taken(records)
        await self.rule.settle(records)
        self.waiting.decided(records)


def _partition_of(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)
