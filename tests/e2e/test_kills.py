"""Any part may be killed at any moment: what was accepted is delivered, and counted exactly once."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from services.cli.keys import SUBSCRIBING
from shared.domain.taxonomy import default_taxonomy
from tests.support.load import Load, read_topics
from tests.support.stack import Stack, running_stack

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
PACE_SECONDS = 0.5  # bounded load: some hundred reports in all
SEED = 20_240_731


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
        await _assert_counted_once(stack, set(load.accepted))
        await _assert_on_their_topics(stack, load.accepted)
        assert await stack.stop() == 0
        await stack.is_gone()


async def _assert_counted_once(stack: Stack, accepted: set[str]) -> None:
    assert Counter(await _listed(stack)) == Counter(accepted)
    assert (await stack.get("stats", "/v1/stats?group_by=channel"))["total"] == len(accepted)
    accounts = (await stack.get("stats", "/v1/conservation")).values()
    assert sum(lane["accepted"] for lane in accounts) == len(accepted)
    assert [lane["difference"] for lane in accounts] == [0, 0]


async def _listed(stack: Stack) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        page = await stack.get("stats", f"/v1/reports?limit=200{cursor}")
        found.extend(report["report_id"] for report in page["reports"])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def _assert_on_their_topics(stack: Stack, accepted: dict[str, dict[str, Any]]) -> None:
    """Each report is, under one event id, on the topic of the department that the taxonomy names for its category.

    And no target is forgotten: each has a delivery whose first outcome is known (a subscriber's has no push).
    """
    placed = await read_topics(stack.kafka.bootstrap_servers, r"^opd\..*\.v1$")
    for report_id, body in accepted.items():
        told = await stack.get("stats", f"/v1/reports/{report_id}")
        assert told["owner"] == default_taxonomy().categories[body["category"]].opd
        for target in told["targets"]:
            records = placed.get(f"opd.{target['opd'].lower()}.{told['lane']}.v1", {}).get(report_id, [])
            assert len({headers["ce_id"] for headers in records}) == 1, (report_id, target)
            assert target["deliveries"] or target["opd"] in SUBSCRIBING, (report_id, target)
