"""The unread records of a group are computed from Kafka's offsets."""

from pathlib import Path

from services.cli.run.draining import Lag, lag_of
from shared.domain.lanes import Lane
from shared.errors import BrokerUnavailable
from shared.events import topics
from shared.events.groups import topics_by_group
from tests.support.kafka.brokers import pipeline_kafka
from tests.support.kafka.client import write_raw
from tests.support.waiting import eventually


async def test_what_a_group_has_not_read_is_its_lag(tmp_path: Path) -> None:
    """Three unread records are the lag of the groups that read their topic, and of no other group."""
    async with pipeline_kafka(tmp_path) as kafka, lag_of(kafka) as lag:
        await eventually(lambda: _nothing_is_unread(lag))
        await write_raw(kafka, topics.reports(Lane.ROUTINE), [(b"{}", [])] * 3)
        await write_raw(kafka, topics.department("DISHUB"), [(b"{}", [])] * 2)
        unread = await lag.unread()
    assert {group: count for group, count in unread.items() if count} == {
        "router-routine": 3,
        "intake-departments": 2,
    }


async def _nothing_is_unread(lag: Lag) -> bool:
    """Kafka creates its offsets topic on the first request and has no coordinator before."""
    try:
        return await lag.unread() == dict.fromkeys(topics_by_group(()), 0)
    except BrokerUnavailable:
        return False
