"""Every topic of the pipeline, and the names of the ones that are made of parts."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import product

from shared.domain.lanes import Channel, Lane
from shared.messaging.topic_admin import TopicSpec

LIFECYCLE = "lifecycle.v1"
UPDATES = "reports.updates.v1"

PERSONAL_DATA_RETENTION = timedelta(days=7)
DEAD_LETTER_RETENTION = timedelta(days=14)
WIDE = 12  # partitions of the topics that all reports share
NARROW = 3  # partitions of the topics of one department or channel


def reports(lane: Lane) -> str:
    """Where intake puts the reports of a lane."""
    return f"reports.{lane}.v1"


def opd(code: str, lane: Lane) -> str:
    """Where a department finds its reports of a lane."""
    return f"opd.{code.lower()}.{lane}.v1"


def is_stored_unpacked(topic: str) -> bool:
    """Whether the broker stores it uncompressed: departments read with clients of their own choice.

    Our producers send lz4 elsewhere, which many clients cannot read (kafkajs, and aiokafka alone).
    """
    return topic.startswith("opd.")


def opd_pattern(lane: Lane) -> str:
    """A regular expression for all departments' topics of a lane, for a pattern subscription."""
    return rf"^opd\.[a-z0-9]+\.{lane}\.v1$"


def opd_of(topic: str) -> str:
    """The OPD code in the name of a department's topic, incoming or outgoing."""
    return topic.split(".")[1].upper()


def channel(name: Channel) -> str:
    """Where a channel may put its reports, instead of sending them by HTTP."""
    return f"channels.{name}.v1"


def department(code: str) -> str:
    """Where a department answers."""
    return f"departments.{code.lower()}.v1"


def dead_letters(service: str, lane: str | None = None) -> str:
    """Where a service puts what it can never process."""
    return f"{service}.{lane}.dlq.v1" if lane else f"{service}.dlq.v1"


def named_by(address: str, opds: Iterable[str]) -> list[str]:
    """The topics that an address stands for: ``{opd}``, ``{lane}`` and ``{channel}`` in it take all their values."""
    known: dict[str, list[str]] = {
        "opd": [code.lower() for code in opds],
        "lane": list(Lane),
        "channel": list(Channel),
    }
    used = [name for name in known if f"{{{name}}}" in address]
    chosen = product(*[known[name] for name in used])
    return [address.format(**dict(zip(used, values, strict=True))) for values in chosen]


def all_topics(
    opds: Iterable[str], *, replication: int = 1, min_insync: int = 1, wide: int = WIDE
) -> tuple[TopicSpec, ...]:
    """The specifications of all topics, for these OPD codes; ``wide`` is how many consumers of one group can share."""

    def specify(name: str, partitions: int, retention: timedelta | None) -> TopicSpec:
        return TopicSpec(
            name=name,
            partitions=partitions,
            retention=retention,
            replication=replication,
            min_insync=min_insync,
            compression="uncompressed" if is_stored_unpacked(name) else "producer",
        )

    return tuple(specify(*row) for row in _rows(tuple(opds), wide))


def _rows(opds: tuple[str, ...], wide: int) -> Iterator[tuple[str, int, timedelta | None]]:
    yield LIFECYCLE, wide, None
    yield UPDATES, wide, PERSONAL_DATA_RETENTION
    for name in Channel:
        yield channel(name), NARROW, PERSONAL_DATA_RETENTION
    for lane in Lane:
        yield reports(lane), wide, PERSONAL_DATA_RETENTION
        for service in ("router", "notifier"):
            yield dead_letters(service, lane), NARROW, DEAD_LETTER_RETENTION
        for code in opds:
            yield opd(code, lane), NARROW, PERSONAL_DATA_RETENTION
    for code in opds:
        yield department(code), NARROW, PERSONAL_DATA_RETENTION
    for service in ("intake", "stats"):
        yield dead_letters(service), NARROW, DEAD_LETTER_RETENTION
