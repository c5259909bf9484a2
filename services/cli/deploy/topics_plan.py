"""Plans the changes that make a cluster match the code, and names differences that must not be changed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.messaging.access import Grant
from shared.messaging.topic_admin import MIN_INSYNC, RETENTION, FoundTopic, TopicSpec

FOR_EVER = -1


@dataclass
class TopicPlan:
    """The changes of topics. ``refused`` are sentences for the operator: nothing is ever removed."""

    create: list[TopicSpec] = field(default_factory=list)
    grow: dict[str, int] = field(default_factory=dict)
    configure: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def differences(self) -> list[str]:
        """One sentence for each thing that is not as the code says."""
        return [
            *(f"topic {spec.name} is missing" for spec in self.create),
            *(f"topic {name} needs {count} partitions" for name, count in self.grow.items()),
            *(
                f"topic {name} needs {setting}={value}"
                for name, settings in self.configure.items()
                for setting, value in settings.items()
            ),
            *self.refused,
        ]


@dataclass(frozen=True, slots=True)
class AccessPlan:
    """ACLs to create, and ACLs of the project's principals that the code does not know, which are only reported."""

    grant: Sequence[Grant] = ()
    unknown: Sequence[Grant] = ()

    def differences(self) -> list[str]:
        """One sentence for each thing that is not as the code says."""
        return [
            *(f"{_sentence(grant)} is not granted" for grant in self.grant),
            *(
                f"{_sentence(grant)} is granted and nobody knows why: take it away with kafka-acls.sh --remove"
                for grant in self.unknown
            ),
        ]


@dataclass(frozen=True, slots=True)
class Plan:
    """All differences between the cluster and the code."""

    topics: TopicPlan
    access: AccessPlan

    @property
    def is_to_do(self) -> bool:
        """True if there is something to change; refused differences do not count."""
        return bool(self.topics.create or self.topics.grow or self.topics.configure or self.access.grant)

    def differences(self) -> list[str]:
        """One sentence for each difference."""
        return [*self.topics.differences(), *self.access.differences()]


def plan_topics(wanted: Iterable[TopicSpec], found: Mapping[str, FoundTopic]) -> TopicPlan:
    """Compare the specified topics with the existing ones."""
    plan = TopicPlan()
    for spec in wanted:
        topic = found.get(spec.name)
        if topic is None:
            plan.create.append(spec)
            continue
        _plan_partitions(plan, spec, topic)
        _plan_copies(plan, spec, topic)
        _plan_config(plan, spec, topic)
    return plan


def plan_access(wanted: Iterable[Grant], found: Iterable[Grant]) -> AccessPlan:
    """Compare the specified ACLs with the existing ones. Principals of others are ignored."""
    wanted, found = set(wanted), set(found)
    ours = {grant.principal for grant in wanted}
    unknown = (grant for grant in found - wanted if grant.principal in ours)
    return AccessPlan(grant=sorted(wanted - found), unknown=sorted(unknown))


def _plan_partitions(plan: TopicPlan, spec: TopicSpec, topic: FoundTopic) -> None:
    if topic.partitions < spec.partitions:
        plan.grow[spec.name] = spec.partitions
    elif topic.partitions > spec.partitions:
        plan.refused.append(
            f"topic {spec.name} has {topic.partitions} partitions and {spec.partitions} are asked for: Kafka takes "
            f"none away. Ask for {topic.partitions}"
        )


def _plan_copies(plan: TopicPlan, spec: TopicSpec, topic: FoundTopic) -> None:
    copies = f"topic {spec.name} has {topic.replication} copies and {spec.replication} are asked for"
    if topic.replication < spec.replication:
        plan.refused.append(f"{copies}: add them with kafka-reassign-partitions.sh")
    elif topic.replication > spec.replication:
        plan.refused.append(f"{copies}: fewer would be less safe. Set LAKSA_KAFKA_REPLICATION_FACTOR higher")


def _plan_config(plan: TopicPlan, spec: TopicSpec, topic: FoundTopic) -> None:
    for setting, value in spec.config().items():
        there = topic.config.get(setting, "")
        if there == value:
            continue
        if _is_less(setting, value, there):
            plan.refused.append(
                f"topic {spec.name} has {setting}={there} and {value} is asked for: that would be less safe or forget "
                "records. If it is meant, change it with kafka-configs.sh"
            )
        else:
            plan.configure.setdefault(spec.name, {})[setting] = value


def _is_less(setting: str, value: str, there: str) -> bool:
    if setting == RETENTION:
        return _retention(value) < _retention(there)
    return setting == MIN_INSYNC and int(value) < int(there)


def _retention(milliseconds: str) -> float:
    return float("inf") if int(milliseconds) == FOR_EVER else int(milliseconds)


def _sentence(grant: Grant) -> str:
    names = f"{grant.name}*" if grant.match == "prefixed" else grant.name
    return f"{grant.principal}: {grant.operation} on {grant.resource} {names}"
