"""The access rights on Kafka: the one table from which `laksa topics` makes rules. Everything else is denied.

A principal is a SASL user. Each service, department and channel has its own and cannot read another's topics.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from shared.domain.lanes import Channel, Lane
from shared.domain.taxonomy import TRIAGE_OPD
from shared.events import topics
from shared.events.groups import groups_of

Resource = Literal["topic", "group", "cluster"]
Match = Literal["literal", "prefixed"]
Operation = Literal["read", "write", "describe", "describe_configs"]

THE_CLUSTER = "kafka-cluster"  # Kafka's name for the cluster as a resource
ANY = "*"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One operation that a principal may do on one resource, or on all whose names begin with ``name`` (prefixed)."""

    principal: str
    resource: Resource
    match: Match
    name: str
    operation: Operation

    def covers(self, principal: str, resource: Resource, name: str, operation: Operation) -> bool:
        """Whether this grant allows the operation."""
        if (self.principal, self.resource, self.operation) != (principal, resource, operation):
            return False
        return name.startswith(self.name) if self.match == "prefixed" else self.name in {name, ANY}


def channel_user(name: Channel) -> str:
    """The principal of a channel that writes to its own topic."""
    return f"channel-{name}"


def department_user(opd: str) -> str:
    """The principal of a department that reads its own topics and answers."""
    return f"opd-{opd.lower()}"


def principals(opds: Iterable[str]) -> tuple[str, ...]:
    """All principals with at least one grant, for these OPD codes."""
    return tuple(dict.fromkeys(grant.principal for grant in all_grants(opds)))


def all_grants(opds: Iterable[str]) -> tuple[Grant, ...]:
    """All grants, for these OPD codes."""
    return (
        *_services(),
        *_watchers(),
        *(grant for name in Channel for grant in _channel(name)),
        *(grant for opd in opds for grant in _department(opd)),
    )


def _services() -> Iterator[Grant]:
    yield from _reads("intake", "prefixed", "channels.", "departments.")
    yield from _writes("intake", "prefixed", "reports.", "intake.")

    yield from _reads("router", "literal", *(topics.reports(lane) for lane in Lane))
    yield from _writes("router", "prefixed", "opd.", "router.")

    yield from _reads("notifier", "prefixed", "opd.")
    yield from _reads("notifier", "literal", topics.UPDATES)
    yield from _writes("notifier", "prefixed", "notifier.")
    # an unreadable emergency record goes as it is to the Live Room's supervisor
    yield from _writes("notifier", "literal", topics.opd(TRIAGE_OPD, Lane.EMERGENCY))

    yield from _reads("stats", "literal", topics.LIFECYCLE)
    yield from _writes("stats", "prefixed", "stats.")

    for service in ("intake", "router", "notifier"):
        yield from _writes(service, "literal", topics.LIFECYCLE)
    for service in ("intake", "router", "notifier", "stats"):
        for group in groups_of(service):
            yield from _group(service, "literal", group)
        # at their start they check that Kafka's settings cannot lose records
        yield Grant(service, "cluster", "literal", THE_CLUSTER, "describe_configs")
        yield Grant(service, "topic", "literal", ANY, "describe_configs")


def _watchers() -> Iterator[Grant]:
    """The lag exporter sees names and offsets, but no record."""
    for operation in ("describe", "describe_configs"):
        yield Grant("lag-exporter", "topic", "literal", ANY, operation)
        yield Grant("lag-exporter", "cluster", "literal", THE_CLUSTER, operation)
    yield Grant("lag-exporter", "group", "literal", ANY, "describe")


def _channel(name: Channel) -> Iterator[Grant]:
    yield from _writes(channel_user(name), "literal", topics.channel(name))


def _department(opd: str) -> Iterator[Grant]:
    user = department_user(opd)
    yield from _reads(user, "literal", *(topics.opd(opd, lane) for lane in Lane))
    yield from _writes(user, "literal", topics.department(opd))
    yield from _group(user, "prefixed", f"{opd.lower()}-")


def _reads(principal: str, match: Match, *names: str) -> Iterator[Grant]:
    for name in names:
        yield Grant(principal, "topic", match, name, "read")
        yield Grant(principal, "topic", match, name, "describe")


def _writes(principal: str, match: Match, *names: str) -> Iterator[Grant]:
    for name in names:
        yield Grant(principal, "topic", match, name, "write")
        yield Grant(principal, "topic", match, name, "describe")


def _group(principal: str, match: Match, name: str) -> Iterator[Grant]:
    yield Grant(principal, "group", match, name, "read")
    yield Grant(principal, "group", match, name, "describe")
