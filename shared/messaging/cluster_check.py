"""Whether what was accepted can be lost: looked at once, before a process sends or takes its first record.

A service that finds something unsafe ends and says what to change. Asking for less is a setting of the environment
(``LAKSA_KAFKA_REPLICATION_FACTOR``, ``LAKSA_KAFKA_MIN_INSYNC_REPLICAS``), so one node for trying out stays possible.
"""

from collections.abc import Iterable, Iterator, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from shared.domain.taxonomy import default_taxonomy
from shared.errors import BrokerUnavailable, ConfigurationError, TopicMissing
from shared.events import topics
from shared.messaging.asyncapi import Operation
from shared.messaging.topic_admin import MIN_INSYNC, FoundTopic, admin_client, describe_config, find_topics
from shared.settings import KafkaSettings

ALL_REPLICAS = -1  # Kafka's own number for acks=all
UNCLEAN = "unclean.leader.election.enable"
AUTO_CREATE = "auto.create.topics.enable"
MEND_TOPICS = "run `laksa topics apply`"


class ClusterCheck:
    """Looks at the topics of one process, and at its own producer, the first time that anything connects."""

    def __init__(self, settings: KafkaSettings, operations: Iterable[Operation]) -> None:
        opds = list(default_taxonomy().opds)
        self._settings = settings
        self._names = sorted({name for operation in operations for name in topics.named_by(operation.address, opds)})
        self._is_known = False

    async def check(self, producer: AIOKafkaProducer) -> None:
        """Return where nothing that is accepted can be lost.

        Raises:
            ConfigurationError: something can; the message says what to change.
            BrokerUnavailable: Kafka does not answer.
            TopicMissing: one of the process's topics is not there yet.
        """
        faults = list(producer_faults(producer))
        if not faults and not self._is_known:
            faults = await self._cluster_faults()
        if faults:
            raise ConfigurationError("Reports could be lost, so this service does not start: " + "; ".join(faults))
        self._is_known = True

    async def _cluster_faults(self) -> list[str]:
        try:
            async with admin_client(self._settings) as client:
                found = await find_topics(client, self._names)
                nodes = [str(node["node_id"]) for node in (await client.describe_cluster())["brokers"]]
                config = await describe_config(client, ConfigResourceType.BROKER, nodes)
        except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError) as error:
            user = self._settings.sasl_username
            raise ConfigurationError(f"Kafka does not let {user} look at its settings: {MEND_TOPICS}") from error
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable("Kafka does not answer") from error
        missing = [name for name in self._names if name not in found]
        if missing:
            raise TopicMissing(f"Kafka has no topic {missing[0]} (and {len(missing) - 1} more): {MEND_TOPICS}")
        return [*node_faults(config), *topic_faults(found.values(), self._settings)]


def producer_faults(producer: AIOKafkaProducer) -> Iterator[str]:
    """What of a producer's own settings may lose or double a record. aiokafka tells them only in private names."""
    if producer._sender._acks != ALL_REPLICAS:  # noqa: SLF001  # as said
        yield "the producer does not wait for all in-sync replicas: set acks='all' in make_client"
    if producer._txn_manager is None:  # noqa: SLF001  # as said
        yield "the producer is not idempotent: set enable_idempotence=True in make_client"


def node_faults(config: dict[str, dict[str, str]]) -> Iterator[str]:
    """What of the nodes' settings may lose a record, each said once."""
    if any(settings.get(AUTO_CREATE) != "false" for settings in config.values()):
        yield f"Kafka makes misspelt topics by itself: set {AUTO_CREATE}=false on its nodes"


def topic_faults(found: Iterable[FoundTopic], settings: KafkaSettings) -> Sequence[str]:
    """What of the topics' settings may lose a record, each fault with the first topic that has it."""
    copies, needed = settings.replication_factor, settings.min_insync_replicas
    faults: dict[str, str] = {}
    for topic in found:
        least = int(topic.config.get(MIN_INSYNC, "1"))
        if topic.replication < copies:
            faults.setdefault(
                "copies",
                f"topic {topic.name} has {topic.replication} copies and LAKSA_KAFKA_REPLICATION_FACTOR asks for "
                f"{copies}: add copies with kafka-reassign-partitions.sh, or ask for fewer",
            )
        if least < needed:
            faults.setdefault(
                "needed",
                f"topic {topic.name} has {MIN_INSYNC}={least} and LAKSA_KAFKA_MIN_INSYNC_REPLICAS asks for {needed}: "
                f"{MEND_TOPICS}, or ask for fewer",
            )
        if topic.config.get(UNCLEAN) != "false":
            faults.setdefault(
                "unclean", f"topic {topic.name} may forget acknowledged records: set {UNCLEAN}=false on Kafka's nodes"
            )
    return list(faults.values())
