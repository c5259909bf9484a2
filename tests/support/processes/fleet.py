"""Several processes of each service on one Kafka, as an operator who scales out starts them."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import yaml

from services.notifier.endpoints import Endpoint
from shared.domain.lanes import Lane
from shared.messaging import topic_specs
from shared.settings import KafkaSettings
from tests.support.kafka.client import unread
from tests.support.processes.service_process import ServiceProcess
from tests.support.waiting import eventually

SESSION_SECONDS = 6.0  # Kafka lets a member go that was silent for so long

_LAG = re.compile(r'^laksa_consumer_lag_records\{group="([^"]+)",partition="(\d+)",topic="([^"]+)"\}', re.MULTILINE)


@dataclass
class Fleet:
    """Makes processes, each with a folder and an instance number of its own, and kills in the end what still runs."""

    kafka: KafkaSettings
    directory: Path
    made: list[ServiceProcess] = field(default_factory=list)

    def router(self, instance: int, lane: Lane = Lane.ROUTINE) -> ServiceProcess:
        """A router of a lane."""
        return self._make(["services.router", "--lane", lane], instance)

    def notifier(
        self, instance: int, database_url: str, endpoints: Sequence[Endpoint], lane: Lane = Lane.ROUTINE
    ) -> ServiceProcess:
        """A notifier of a lane. Its pushes name its own address, so that a receiver can tell who pushed."""
        made = self._make(["services.notifier", "--lane", lane], instance, LAKSA_DATABASE_URL=database_url)
        file = made.directory / "endpoints.yaml"
        file.write_text(yaml.safe_dump({"endpoints": [one.model_dump(mode="json") for one in endpoints]}))
        file.chmod(0o600)
        made.settings |= {"LAKSA_ENDPOINTS_FILE": str(file), "LAKSA_PUBLIC_URL": made.url}
        return made

    def stats(self, instance: int, database_url: str) -> ServiceProcess:
        """A stats."""
        return self._make(["services.stats"], instance, LAKSA_DATABASE_URL=database_url)

    def _make(self, command: Sequence[str], instance: int, **settings: str) -> ServiceProcess:
        own = self.directory / f"{command[0]}-{instance}"
        own.mkdir()
        settings |= {"LAKSA_INSTANCE": str(instance)}
        made = ServiceProcess(command, self.kafka, own, settings)
        self.made.append(made)
        return made


@asynccontextmanager
async def fleet(kafka: KafkaSettings, directory: Path) -> AsyncIterator[Fleet]:
    """A fleet without any process yet; whatever runs in the end is killed."""
    made = Fleet(kafka, directory)
    try:
        yield made
    finally:
        for process in made.made:
            await process.kill_if_running()


async def owned_partitions(process: ServiceProcess, topic: str) -> set[int]:
    """Which partitions of a topic a process says that it reads; none where it does not answer."""
    try:
        said = await process.metrics()
    except httpx2.TransportError:
        return set()
    return {int(partition) for _, partition, name in _LAG.findall(said) if name == topic}


async def share_partitions(topic: str, *processes: ServiceProcess, seconds: float = 40.0) -> None:
    """Return once these processes have all partitions of a topic among them, each some and none two.

    Raises:
        AssertionError: they had not in time; says who had which.
    """
    owned: list[set[int]] = []

    async def are_shared() -> bool:
        owned[:] = [await owned_partitions(process, topic) for process in processes]
        return all(owned) and sum(map(len, owned)) == len(set().union(*owned)) == partitions_of(topic)

    try:
        await eventually(are_shared, seconds)
    except AssertionError as error:
        raise AssertionError(f"{topic} is not shared out: {owned}") from error


def partitions_of(topic: str) -> int:
    """How many partitions a topic of ours has."""
    return topic_specs.NARROW if topic.startswith(("opd.", "channels.", "departments.")) else topic_specs.WIDE


async def is_read_up(kafka: KafkaSettings, group: str, topic: str, seconds: float) -> None:
    """Return once a group has acknowledged all of a topic.

    Raises:
        AssertionError: it has not in time; says how much is left.
    """
    left = -1

    async def is_drained() -> bool:
        nonlocal left
        left = await unread(kafka, group, topic)
        return left == 0

    try:
        await eventually(is_drained, seconds)
    except AssertionError as error:
        raise AssertionError(f"{group} has {left} records of {topic} left after {seconds:g} s") from error
