"""Names, partitions and retention of the topics."""

import re
from datetime import timedelta

import pytest

from shared.domain.lanes import Channel, Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.messaging import topic_specs

SPECS = {spec.name: spec for spec in topic_specs.all_topics(default_taxonomy().opds)}


def test_all_topics_are_there_once() -> None:
    """Each topic exists once: 19 departments x 3, 6 channels, 2 lanes, updates, lifecycle, dead letters."""
    assert len(SPECS) == 19 * 3 + len(Channel) + 2 + 2 + 6
    assert len(topic_specs.all_topics(default_taxonomy().opds)) == len(SPECS)


@pytest.mark.parametrize(
    ("name", "partitions", "retention"),
    [
        ("reports.emergency.v1", 12, timedelta(days=7)),
        ("reports.routine.v1", 12, timedelta(days=7)),
        ("reports.updates.v1", 12, timedelta(days=7)),
        ("lifecycle.v1", 12, None),
        ("opd.bpbd.emergency.v1", 3, timedelta(days=7)),
        ("opd.liveroom.routine.v1", 3, timedelta(days=7)),
        ("departments.pln.v1", 3, timedelta(days=7)),
        ("channels.112.v1", 3, timedelta(days=7)),
        ("channels.call_center.v1", 3, timedelta(days=7)),
        ("router.emergency.dlq.v1", 3, timedelta(days=14)),
        ("notifier.routine.dlq.v1", 3, timedelta(days=14)),
        ("intake.dlq.v1", 3, timedelta(days=14)),
        ("stats.dlq.v1", 3, timedelta(days=14)),
    ],
)
def test_a_topic_has_its_width_and_keeps_its_records(name: str, partitions: int, retention: timedelta | None) -> None:
    """Personal data are kept for 7 days, dead letters for 14, the lifecycle forever."""
    assert (SPECS[name].partitions, SPECS[name].retention) == (partitions, retention)


@pytest.mark.parametrize("lane", Lane)
def test_the_pattern_finds_the_departments_topics_of_its_lane_only(lane: Lane) -> None:
    """The pattern matches every department's topic of the lane and no other topic."""
    matching = {name for name in SPECS if re.match(topics.opd_pattern(lane), name)}

    assert matching == {topics.opd(code, lane) for code in default_taxonomy().opds}


@pytest.mark.parametrize("code", default_taxonomy().opds)
def test_a_departments_topics_name_it(code: str) -> None:
    """A topic's name gives the code of its department."""
    assert topics.opd_of(topics.opd(code, Lane.EMERGENCY)) == code
    assert topics.opd_of(topics.department(code)) == code


def test_copies_are_the_brokers_to_say() -> None:
    """The replication factor and min.insync.replicas are parameters."""
    specs = topic_specs.all_topics(["DLH"], replication=3, min_insync=2)

    assert {(spec.replication, spec.min_insync) for spec in specs} == {(3, 2)}


def test_departments_need_no_codec_to_read() -> None:
    """The departments' topics are stored uncompressed, so that their clients need no codec."""
    assert {name for name, spec in SPECS.items() if spec.compression == "uncompressed"} == {
        topics.opd(code, lane) for code in default_taxonomy().opds for lane in Lane
    }
