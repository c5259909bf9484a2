"""Creating topics on purpose: partitions, copies and retention are ours to say; auto-creation is off everywhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.errors import BrokerUnavailable
from shared.messaging.connection import connection_options
from shared.settings import KafkaSettings

TIMEOUT_MS = 30_000


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


async def create_topics(settings: KafkaSettings, specs: Sequence[TopicSpec]) -> list[str]:
    """Create the topics that are not there yet and return their names; existing ones are left as they are.

    Raises:
        BrokerUnavailable: Kafka does not answer, or refuses a topic; the message names it.
    """
    client = AIOKafkaAdminClient(**connection_options(settings), request_timeout_ms=TIMEOUT_MS)
    try:
        await client.start()
        existing = set(await client.list_topics())
        missing = [spec for spec in specs if spec.name not in existing]
        if not missing:
            return []
        answer = await client.create_topics([_new_topic(spec) for spec in missing], timeout_ms=TIMEOUT_MS)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable("Kafka does not answer; is it running at LAKSA_KAFKA_BOOTSTRAP_SERVERS?") from error
    finally:
        await client.close()
    for name, code, *_ in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise BrokerUnavailable(f"Kafka refused to create the topic {name}: {for_code(code).__name__}")
    return [spec.name for spec in missing]


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
        found.extend(TopicPartition(topic["topic"], one["partition"]) for one in topic["partitions"])
    return found


def _new_topic(spec: TopicSpec) -> NewTopic:
    retention_ms = -1 if spec.retention is None else int(spec.retention / timedelta(milliseconds=1))
    return NewTopic(
        spec.name,
        spec.partitions,
        spec.replication,
        topic_configs={
            "retention.ms": str(retention_ms),
            "min.insync.replicas": str(spec.min_insync),
            "compression.type": spec.compression,
        },
    )
