"""What became of reports (promise W1), read back from Kafka and stats: which are missing, which are there twice."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from services.cli.keys import SUBSCRIBING
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.events.catalogue import DECISIONS
from shared.events.envelope import text_headers
from shared.events.models import ReportSubmitted
from shared.messaging.received import Record
from shared.settings import KafkaSettings
from tests.support.builders.stored_reports import targets_of
from tests.support.kafka.client import read_all
from tests.support.processes.load import read_topics
from tests.support.processes.stack import Stack
from tests.support.waiting import eventually

SHOWN = 10  # ids in a failure's message

IdsOfReport = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Repeats:
    """How many records there were beyond one of each event id: harmless, as every sink knows them by their id."""

    assigned: int
    decided: int


async def assert_routed_once(kafka: KafkaSettings, reports: Collection[ReportSubmitted]) -> Repeats:
    """Each report is on the topic of each of its departments, under one event id, and has one decision.

    Raises:
        AssertionError: says which reports are missing, or have several ids, and where.
    """
    lane = Lane(next(iter(reports)).lane)
    repeats = 0
    wanted: dict[str, set[str]] = defaultdict(set)
    for report in reports:
        for code in targets_of(report):
            wanted[topics.opd(code, lane)].add(str(report.report_id))
    for topic, report_ids in wanted.items():
        records = await read_all(kafka, topic)
        assert_once_each(topic, report_ids, ids_by_report(records))
        repeats += len(records) - len(report_ids)
    facts = await read_all(kafka, topics.LIFECYCLE)
    decided = [fact for fact in facts if text_headers(fact.headers)["ce_type"] in DECISIONS.values()]
    assert_once_each("decisions", {str(report.report_id) for report in reports}, ids_by_report(decided))
    return Repeats(repeats, len(decided) - len(reports))


def assert_once_each(what: str, wanted: Collection[str], found: IdsOfReport) -> None:
    """Each wanted key has exactly one id, and nothing else has any.

    Raises:
        AssertionError: says which are missing, doubled, or nobody's.
    """
    missing = sorted(set(wanted) - set(found))
    doubled = sorted(key for key, ids in found.items() if len(set(ids)) > 1)
    unknown = sorted(set(found) - set(wanted))
    assert missing + doubled + unknown == [], (
        f"{what}: {len(missing)} missing {missing[:SHOWN]}, {len(doubled)} doubled {doubled[:SHOWN]}, "
        f"{len(unknown)} that nobody sent {unknown[:SHOWN]}"
    )


def ids_by_report(records: Iterable[Record]) -> IdsOfReport:
    """Report id → the event id of each of its records."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in records:
        found[(record.key or b"").decode()].append(text_headers(record.headers)["ce_id"])
    return found


async def assert_counted_once(stats_url: str, report_ids: Collection[str], seconds: float) -> None:
    """Stats counts and lists each report once, no other, and the accounts of each lane balance.

    Raises:
        AssertionError: they did not in time; says what stats tells instead, and of which reports it knows nothing.
    """
    told: dict[str, Any] = {}
    wanted = {"accepted": len(report_ids), "differences": {0}, "total": len(report_ids)}

    async def is_even() -> bool:
        lanes = (await _ask(stats_url, "/v1/conservation")).values()
        told["accepted"] = sum(lane["accepted"] for lane in lanes)
        told["differences"] = {lane["difference"] for lane in lanes}
        told["total"] = (await _ask(stats_url, "/v1/stats?group_by=channel"))["total"]
        return told == wanted

    try:
        await eventually(is_even, seconds)
    except AssertionError as error:
        missing = sorted(set(report_ids) - set(await _listed(stats_url)))
        raise AssertionError(
            f"Of {len(report_ids)} reports stats tells {told}; {len(missing)} unknown to it: {missing[:SHOWN]}"
        ) from error
    assert Counter(await _listed(stats_url)) == Counter(list(report_ids))


async def assert_on_their_topics(stack: Stack, accepted: Mapping[str, dict[str, Any]]) -> None:
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


async def _listed(stats_url: str) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        page = await _ask(stats_url, f"/v1/reports?limit=200{cursor}")
        found.extend(report["report_id"] for report in page["reports"])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def _ask(stats_url: str, path: str) -> Any:
    async with httpx2.AsyncClient(timeout=30) as client:
        answer = await client.get(stats_url + path)
        answer.raise_for_status()
        return answer.json()
