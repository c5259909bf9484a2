"""Topic creation with our own partitions, replicas and retention; auto-creation is off everywhere."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from shared.errors import BrokerUnavailable
from shared.messaging.connection import connection_options
from shared.settings import KafkaSettings

TIMEOUT_MS = 30_000
RETENTION = "retention.ms"
MIN_INSYNC = "min.insync.replicas"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: ``retention`` None keeps records for ever.

    ``compression`` is Kafka's ``compression.type``: ``producer`` keeps what is sent as it was sent.
    """

    name: str
    partitions: int
    retention: timedelta | None
    replication: int = 1
    min_insync: int = 1
    compression: Literal["producer", "uncompressed"] = "producer"

    def config(self) -> dict[str, str]:
        """Its settings by Kafka's names; ``retention.ms`` -1 is for ever."""
        retention_ms = -1 if self.retention is None else int(self.retention / timedelta(milliseconds=1))
        return {
            RETENTION: str(retention_ms),
            MIN_INSYNC: str(self.min_insync),
            "compression.type": self.compression,
        }


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """One topic as it is: copies are those of its partition with the fewest; ``config`` holds all of its settings."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@asynccontextmanager
async def admin_client(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, started, and closed also where it could not be started.

    Raises:
        KafkaError, OSError: Kafka does not answer. Callers turn it into an error that says what they wanted.
    """
    client = AIOKafkaAdminClient(**connection_options(settings), request_timeout_ms=TIMEOUT_MS)
    try:
        await client.start()
        yield client
    finally:
        await client.close()


async def create_topics(settings: KafkaSettings, specs: Sequence[TopicSpec]) -> list[str]:
    """Create the topics that are not there yet and return their names; existing ones are left as they are.

    Raises:
        BrokerUnavailable: Kafka does not answer, or refuses a topic; the message names it.
    """
    try:
        async with admin_client(settings) as client:
            existing = set(await client.list_topics())
            missing = [spec for spec in specs if spec.name not in existing]
            if not missing:
                return []
            answer = await client.create_topics([_new_topic(spec) for spec in missing], timeout_ms=TIMEOUT_MS)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable("Kafka does not answer; is it running at LAKSA_KAFKA_BOOTSTRAP_SERVERS?") from error
    for name, code, *_ in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise BrokerUnavailable(f"Kafka refused to create the topic {name}: {for_code(code).__name__}")
    # a node may list a new topic late: only an answer without an error says that this call created it
    return [name for name, code, *_ in answer.topic_errors if not code]


async def partitions_of(client: AIOKafkaAdminClient, names: Iterable[str]) -> list[TopicPartition]:
    """All partitions of these topics; a consumer's ``partitions_for_topic`` knows only what it reads itself.

    Raises:
        BrokerUnavailable: one of the topics is not there.
        KafkaError: Kafka does not answer.
    """
    found: list[TopicPartition] = []
    for topic in await client.describe_topics(list(names)):
        if topic["error_code"]:
            raise BrokerUnavailable(f"Kafka has no topic {topic['topic']}: {for_code(topic['error_code']).__name__}")
        found.extend(TopicPartition(topic["topic"], partition["partition"]) for partition in topic["partitions"])
    return found


async def find_topics(client: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, FoundTopic]:
    """Those of the named topics that are there and that this client may see, with their settings.

    Raises:
        KafkaError: Kafka does not answer, or does not let this client look.
    """
    told = {topic["topic"]: topic for topic in await client.describe_topics(list(names))}
    there = {name: topic["partitions"] for name, topic in told.items() if not _is_missing(topic["error_code"])}
    config = await describe_config(client, ConfigResourceType.TOPIC, list(there))
    return {
        name: FoundTopic(
            name,
            len(partitions),
            min((len(partition["replicas"]) for partition in partitions), default=0),
            config[name],
        )
        for name, partitions in there.items()
    }


async def describe_config(
    client: AIOKafkaAdminClient, kind: ConfigResourceType, names: Sequence[str]
) -> dict[str, dict[str, str]]:
    """All settings of topics, or of nodes by their number, by name.

    Raises:
        KafkaError: Kafka does not answer, or does not let this client look.
    """
    if not names:
        return {}
    found: dict[str, dict[str, str]] = {}
    for answer in await client.describe_configs([ConfigResource(kind, name) for name in names]):
        for code, _, _, name, entries in (tuple(resource)[:5] for resource in answer.resources):
            if code:
                raise for_code(code)
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def _is_missing(code: int) -> bool:
    if code and for_code(code) is not UnknownTopicOrPartitionError:
        raise for_code(code)
    return bool(code)


def _new_topic(spec: TopicSpec) -> NewTopic:
    return NewTopic(spec.name, spec.partitions, spec.replication, topic_configs=spec.config())
