"""A real Kafka of three nodes with passwords and rules of access, set up by the command that a city would run."""

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from services.cli.deploy.topics_command import apply
from services.cli.run.embedded_kafka.cluster import EmbeddedCluster
from services.cli.run.embedded_kafka.config import ADMIN_USER
from services.cli.run.embedded_kafka.embedded import EmbeddedKafka
from shared.domain.taxonomy import default_taxonomy
from shared.messaging import access
from shared.settings import KafkaSettings

HEAP_MIB = 192  # three of them, beside the services, on a small machine


@dataclass(frozen=True)
class ProtectedKafka:
    """The cluster, and the password of everybody who has one."""

    cluster: EmbeddedCluster
    passwords: Mapping[str, str]

    @property
    def administrator(self) -> KafkaSettings:
        """Who may do everything, as a client among the others."""
        return self.as_user(ADMIN_USER)

    def as_user(self, name: str) -> KafkaSettings:
        """What this user needs to connect."""
        return self.cluster.connection(name, self.passwords[name])

    def node(self, number: int) -> EmbeddedKafka:
        """A node by its number, from 1 upwards."""
        return self.cluster.nodes[number - 1]


def make_passwords() -> dict[str, str]:
    """One for each principal, and for the administrator."""
    names = (*access.principals(default_taxonomy().opds), ADMIN_USER)
    return {name: secrets.token_urlsafe(18) for name in names}


def write_users(directory: Path, passwords: Mapping[str, str]) -> Path:
    """A users file as `laksa topics apply` reads it."""
    file = directory / "kafka-users.yaml"
    file.write_text(yaml.safe_dump({"users": dict(passwords)}))
    return file


@asynccontextmanager
async def protected_kafka(directory: Path) -> AsyncIterator[ProtectedKafka]:
    """Three nodes with all users, topics and rules; gone afterwards."""
    passwords = make_passwords()
    users = await asyncio.to_thread(write_users, directory, passwords)
    async with EmbeddedCluster(directory / "var", heap_mib=HEAP_MIB) as cluster:
        printed = Console(file=io.StringIO(), width=200)
        assert await apply(cluster.administrator(), printed, users_file=users) == 0, printed.file
        yield ProtectedKafka(cluster, passwords)


async def comes_back(node: EmbeddedKafka) -> None:
    """Start a node that was ended or killed, and wait until it answers."""
    node.start()
    await node.wait_ready()
