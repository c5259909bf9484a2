"""Whether all accepted reports are processed: nothing waits to be published, to be read, or to be decided."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families

from services.cli.front_door import CONSERVATION, FrontDoor, TryAgain
from shared.domain.taxonomy import default_taxonomy
from shared.errors import BrokerUnavailable
from shared.events.groups import topics_by_group
from shared.messaging.connection import connection_options
from shared.messaging.topic_admin import admin_client, partitions_of
from shared.settings import KafkaSettings

WAITING_METRIC = "laksa_outbox_records"
PUBLISHING = ("intake", "notifier-emergency", "notifier-routine")
LOOK_SECONDS = 0.5
LOOKS = 2  # a record may be between two places during one look


@dataclass(frozen=True, slots=True)
class Backlog:
    """Unfinished work: records waiting to be published, records not yet read, reports not yet decided."""

    waiting: int
    unread: Mapping[str, int]
    undecided: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is unfinished. Open deliveries do not count: they wait for people."""
        return not (self.waiting or any(self.unread.values()) or self.undecided)

    def __str__(self) -> str:
        """One line for the screen."""
        behind = ", ".join(f"{group} {count}" for group, count in self.unread.items() if count)
        return f"{self.waiting} to publish, unread: {behind or 'none'}, {self.undecided} undecided"


UNKNOWN = Backlog(waiting=0, unread={"not asked yet": 1}, undecided=0)
UNANSWERED = Backlog(waiting=0, unread={"a service does not answer": 1}, undecided=0)


class Lag:
    """How many records each consumer group has not read, asked of Kafka itself."""

    def __init__(self, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        self._admin = admin
        self._reader = reader

    async def unread(self) -> dict[str, int]:
        """Records behind the end, by group.

        Raises:
            BrokerUnavailable: Kafka does not answer.
        """
        try:
            return {
                group: await self._of_group(group, names)
                for group, names in topics_by_group(default_taxonomy().opds).items()
            }
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable("Kafka does not answer") from error

    async def _of_group(self, group: str, names: Iterable[str]) -> int:
        ends = await self._ends(names)
        committed = await self._admin.list_consumer_group_offsets(group)
        return sum(max(0, end - max(0, _offset(committed, partition))) for partition, end in ends.items())

    async def _ends(self, names: Iterable[str]) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = await self._reader.end_offsets(await partitions_of(self._admin, names))
        return ends


@asynccontextmanager
async def lag_of(settings: KafkaSettings) -> AsyncIterator[Lag]:
    """A ``Lag`` on this Kafka, with the clients that it needs."""
    async with admin_client(settings) as admin:
        reader = AIOKafkaConsumer(**connection_options(settings), enable_auto_commit=False)
        try:
            await reader.start()
            yield Lag(admin, reader)
        finally:
            await reader.stop()


async def backlog(door: FrontDoor, lag: Lag) -> Backlog:
    """The unfinished work of now.

    Raises:
        TryAgain: a service does not answer.
        BrokerUnavailable: Kafka does not answer.
    """
    waiting = [waiting_records(await door.read_metrics(service)) for service in PUBLISHING]
    unread = await lag.unread()
    accounts = await door.ask_stats(CONSERVATION)
    return Backlog(
        waiting=int(sum(waiting)), unread=unread, undecided=sum(abs(lane["difference"]) for lane in accounts.values())
    )


async def wait_until_drained(door: FrontDoor, settings: KafkaSettings, seconds: float) -> Backlog:
    """Return the backlog once it was empty twice in a row, or the last one when the time is up."""
    give_up = asyncio.get_running_loop().time() + seconds
    seen, empty_looks = UNKNOWN, 0
    async with lag_of(settings) as lag:
        while empty_looks < LOOKS and asyncio.get_running_loop().time() < give_up:
            if empty_looks or seen is not UNKNOWN:
                await asyncio.sleep(LOOK_SECONDS)
            try:
                seen = await backlog(door, lag)
            except (TryAgain, BrokerUnavailable):
                seen, empty_looks = UNANSWERED, 0
            else:
                empty_looks = empty_looks + 1 if seen.is_empty else 0
    return seen


def waiting_records(metrics: str) -> float:
    """Records that a service has committed and not yet published, from its metrics."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == WAITING_METRIC
    )


def _offset(committed: Mapping[TopicPartition, Any], partition: TopicPartition) -> int:
    found = committed.get(partition)
    return int(found.offset) if found is not None else 0
