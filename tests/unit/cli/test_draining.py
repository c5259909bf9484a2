"""The check that everything is drained: what counts as waiting, and in which groups."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from services.cli.run.draining import PUBLISHING, UNANSWERED, UNKNOWN, WAITING_METRIC, Backlog, waiting_records
from services.cli.run.plan import SERVICES
from shared.domain.taxonomy import default_taxonomy
from shared.events.groups import topics_by_group
from shared.messaging.topic_specs import all_topics


def exposed(*counts: int) -> str:
    """Metrics as a service exposes them, with these waiting records by topic, among others."""
    registry = CollectorRegistry()
    waiting = Gauge(WAITING_METRIC, "Waiting", ["topic"], registry=registry)
    for number, count in enumerate(counts):
        waiting.labels(f"opd.{number}").set(count)
    Counter("laksa_outbox_records_published", "Another that starts alike", registry=registry).inc(1000)
    Gauge("laksa_outbox_records_oldest_seconds", "And one more", registry=registry).set(7)
    return generate_latest(registry).decode()


@pytest.mark.parametrize(("counts", "waiting"), [((3, 4), 7), ((0, 0), 0), ((), 0)])
def test_the_waiting_records_of_all_topics_are_added(counts: tuple[int, ...], waiting: int) -> None:
    """The waiting records are summed over the labels, without metrics whose names only have the same prefix."""
    assert waiting_records(exposed(*counts)) == waiting


def test_every_topic_that_somebody_reads_is_asked_for() -> None:
    """Every topic except dead letters is checked in a group that reads it, so that none is missed."""
    names = {spec.name for spec in all_topics(default_taxonomy().opds)}
    asked = {name for topics in topics_by_group(default_taxonomy().opds).values() for name in topics}
    assert asked == {name for name in names if ".dlq." not in name}


def test_both_lanes_and_every_service_read_for_themselves() -> None:
    """Each consuming process has its own groups, named after it, and each topic of a group is listed once."""
    for name in SERVICES:
        assert any(group.startswith(name) for group in topics_by_group(default_taxonomy().opds))
    for topics in topics_by_group(default_taxonomy().opds).values():
        assert len(set(topics)) == len(topics)
    assert set(PUBLISHING) <= set(SERVICES)


@pytest.mark.parametrize(
    "left",
    [
        Backlog(waiting=1, unread={}, undecided=0),
        Backlog(waiting=0, unread={"stats": 0, "intake": 1}, undecided=0),
        Backlog(waiting=0, unread={}, undecided=1),
        UNKNOWN,
        UNANSWERED,
    ],
)
def test_anything_under_way_is_not_drained(left: Backlog) -> None:
    """Waiting, unread or undecided records each mean not drained, and so does an unknown number."""
    assert not left.is_empty


def test_nothing_under_way_is_drained() -> None:
    """Without waiting records everything is drained."""
    assert Backlog(waiting=0, unread={"stats": 0}, undecided=0).is_empty


def test_who_waits_is_told_for_what() -> None:
    """The progress message names only the groups with unread records."""
    left = Backlog(waiting=2, unread={"stats": 0, "intake": 3}, undecided=1)
    assert str(left) == "2 to publish, unread: intake 3, 1 undecided"
