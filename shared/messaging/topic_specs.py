"""Partitions, retention and replication of every topic."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from shared.domain.lanes import Channel, Lane
from shared.events import topics
from shared.messaging.topic_admin import TopicSpec

PERSONAL_DATA_RETENTION = timedelta(days=7)
DEAD_LETTER_RETENTION = timedelta(days=14)
WIDE = 12  # partitions of the topics that all reports share
NARROW = 3  # partitions of the topics of one department or channel


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
            compression="uncompressed" if topics.is_stored_unpacked(name) else "producer",
        )

    return tuple(specify(*row) for row in _rows(tuple(opds), wide))


def _rows(opds: tuple[str, ...], wide: int) -> Iterator[tuple[str, int, timedelta | None]]:
    yield topics.LIFECYCLE, wide, None
    yield topics.UPDATES, wide, PERSONAL_DATA_RETENTION
    for name in Channel:
        yield topics.channel(name), NARROW, PERSONAL_DATA_RETENTION
    for lane in Lane:
        yield topics.reports(lane), wide, PERSONAL_DATA_RETENTION
        for service in ("router", "notifier"):
            yield topics.dead_letters(service, lane), NARROW, DEAD_LETTER_RETENTION
        for code in opds:
            yield topics.opd(code, lane), NARROW, PERSONAL_DATA_RETENTION
    for code in opds:
        yield topics.department(code), NARROW, PERSONAL_DATA_RETENTION
    for service in ("intake", "stats"):
        yield topics.dead_letters(service), NARROW, DEAD_LETTER_RETENTION
