"""What must be true of accepted reports once nothing is under way any more (promise W1)."""

from collections import Counter
from typing import Any

from services.cli.keys import SUBSCRIBING
from shared.domain.taxonomy import default_taxonomy
from tests.support.processes.load import read_topics
from tests.support.processes.stack import Stack


async def assert_counted_once(stack: Stack, accepted: set[str]) -> None:
    """Stats lists and counts exactly these reports, and its accounts balance."""
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


async def assert_on_their_topics(stack: Stack, accepted: dict[str, dict[str, Any]]) -> None:
    """Each report is, under one event id, on the topic of the department that the taxonomy names for its category.

    And no target is forgotten: each has a delivery whose first outcome is known (a subscriber's has no push).
    """
    placed = await read_topics(stack.kafka, r"^opd\..*\.v1$")
    for report_id, body in accepted.items():
        told = await stack.get("stats", f"/v1/reports/{report_id}")
        assert told["owner"] == default_taxonomy().categories[body["category"]].opd
        for target in told["targets"]:
            records = placed.get(f"opd.{target['opd'].lower()}.{told['lane']}.v1", {}).get(report_id, [])
            assert len({headers["ce_id"] for headers in records}) == 1, (report_id, target)
            assert target["deliveries"] or target["opd"] in SUBSCRIBING, (report_id, target)
