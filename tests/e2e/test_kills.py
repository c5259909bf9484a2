"""After the kill of any process, each accepted report is delivered and counted exactly once."""

import asyncio
from pathlib import Path

import pytest

from tests.support.ledger import assert_counted_once, assert_on_their_topics
from tests.support.processes.load import Load
from tests.support.processes.stack import running_stack

VICTIMS = (
    "kafka",
    "intake",
    "router-emergency",
    "router-routine",
    "notifier-emergency",
    "notifier-routine",
    "stats",
)
AT_ONCE = 20
PACE_SECONDS = 0.5  # bounded load: a few hundred reports in all
SEED = 20_240_731


@pytest.mark.slow("kills in turn")
@pytest.mark.timeout(400)
async def test_whatever_is_killed_each_accepted_report_is_counted_once_and_stands_on_its_topic(tmp_path: Path) -> None:
    """SIGKILL of each service and of Kafka under load (F04, F12): each 202 is counted once and on its OPD's topic."""
    async with running_stack(tmp_path) as stack:
        load = Load(stack.url("intake"), stack.api_keys, run="kills", seed=SEED)
        killing = asyncio.create_task(stack.kill_at_random(VICTIMS, SEED))
        while not killing.done():
            await load.send(AT_ONCE)
            await asyncio.wait({killing}, timeout=PACE_SECONDS)
        await killing
        await load.send(AT_ONCE)
        assert load.refused == []
        assert len(load.accepted) > AT_ONCE * len(VICTIMS)
        await stack.is_drained()
        await assert_counted_once(stack.url("stats"), set(load.accepted), 0)
        await assert_on_their_topics(stack, load.accepted)
        assert await stack.stop() == 0
        await stack.is_gone()
