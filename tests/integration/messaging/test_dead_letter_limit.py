"""Each service in production wiring on a real Kafka, with one broken use case: the group stops, the process idles.

The use case raises an unclassified error, as after a bad deploy; everything else is the service's own code.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.intake.registration import Registration
from services.intake.updates import CaseUpdates
from services.notifier.inbox import Inbox
from services.router.routing import Routing
from services.stats.counting import FactCounting
from shared.domain.lanes import Lane
from shared.events import groups, topics
from shared.events.catalogue import STATUS_CHANGED
from shared.events.envelope import Attributes, headers_of
from shared.messaging import ack_rule
from shared.settings import KafkaSettings
from tests.support.apps.production import RunningApp, production_app
from tests.support.builders.assignments import assigned_record, report, status_changed
from tests.support.builders.lifecycle import registered
from tests.support.builders.records import submitted, submitted_headers
from tests.support.kafka import brokers
from tests.support.kafka.client import RawRecord, unread, write_raw
from tests.support.waiting import eventually

WATCH_SECONDS = 3.0
LOOKS = 3
MOST_OF_A_CORE = 0.05
RECORDS = 7  # of one partition; the limit is five in a row


@dataclass(frozen=True, slots=True)
class Broken:
    """A group, its broken use case, and a record that reaches it."""

    group: str
    topic: str
    use_case: tuple[type, str]
    record: RawRecord
    lane: Lane = Lane.ROUTINE

    @property
    def service(self) -> str:
        """The service that has this group."""
        return self.group.split("-")[0]


def _json(**fields: Any) -> RawRecord:
    return json.dumps(fields).encode(), []


def _submitted(lane: Lane) -> RawRecord:
    body = submitted(lane=lane)
    return body.model_dump_json().encode(), submitted_headers(body)


def _assigned(lane: Lane) -> RawRecord:
    record = assigned_record(report(lane=lane))
    return record.value, list(record.headers)


def _status_changed(lane: Lane) -> RawRecord:
    changed = status_changed(report(lane=lane))
    attributes = Attributes(
        id="1", type=STATUS_CHANGED, source="/laksa/intake", subject=str(changed.report_id), extensions={"lane": lane}
    )
    return changed.model_dump_json().encode(), headers_of(attributes)


def _registered() -> RawRecord:
    fact = registered()
    return fact.body, headers_of(fact.attributes)


def _answer() -> RawRecord:
    return _json(report_id=str(report().report_id), status="in_progress", by="Budi", at="2026-11-20T03:00:00Z", seq=1)


REGISTER = (Registration, "register")
CASES = [
    Broken(groups.CALLS, "channels.112.v1", REGISTER, _json(text="Rumah terbakar", call_type="normal")),
    Broken(groups.REPORTS, "channels.laksa.v1", REGISTER, _json(text="Lampu jalan padam")),
    Broken(groups.ANSWERS, "departments.bpbd.v1", (CaseUpdates, "record"), _answer()),
    Broken(groups.FACTS, topics.LIFECYCLE, (FactCounting, "count_facts"), _registered()),
    *[
        broken
        for lane in Lane
        for broken in (
            Broken(groups.router(lane), topics.reports(lane), (Routing, "route_reports"), _submitted(lane), lane),
            Broken(groups.notifier(lane), topics.opd("BPBD", lane), (Inbox, "take_in"), _assigned(lane), lane),
            Broken(groups.notifier_updates(lane), topics.UPDATES, (Inbox, "note_answers"), _status_changed(lane), lane),
        )
    ],
]


@pytest.fixture(scope="module")
async def pipeline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaSettings]:
    """A Kafka with all topics, shared by all cases, because each has its own groups and topics."""
    async with brokers.pipeline_kafka(tmp_path_factory.mktemp("pipeline")) as found:
        yield found


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ack_rule, "UNCLASSIFIED_WAITS", (0.01, 0.01))


def break_use_case(monkeypatch: pytest.MonkeyPatch, broken: Broken) -> None:
    """Make every call of the use case raise an unclassified error."""

    async def fail(*_arguments: object) -> None:
        raise RuntimeError("a bad deploy")

    monkeypatch.setattr(*broken.use_case, fail)


@pytest.mark.parametrize("broken", CASES, ids=lambda broken: broken.group)
async def test_past_the_limit_the_group_stops_and_the_process_rests(
    broken: Broken, pipeline: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records stay in Kafka, readiness and metrics report the stop, and the process uses under 5 % of a core."""
    break_use_case(monkeypatch, broken)
    await write_raw(pipeline, broken.topic, [broken.record] * RECORDS, partition=0)

    async with production_app(broken.service, pipeline, tmp_path, lane=broken.lane) as app:
        await eventually(lambda: _is_halted(app, broken.group), 30)
        await write_raw(pipeline, broken.topic, [broken.record], partition=0)
        taken = await app.metric("laksa_records_received_total", topic=broken.topic)

        assert await _share_of_a_core() < MOST_OF_A_CORE
        assert await app.metric("laksa_records_received_total", topic=broken.topic) == taken
        status, checks = await app.readiness()
        assert status == 503
        assert broken.group in checks["halted"]
        assert "dead-letter limit" in checks["halted"]
    assert await unread(pipeline, broken.group, broken.topic) >= 2


async def test_a_stopped_group_does_not_stop_the_others_of_its_process(
    pipeline: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the emergency group has stopped, the notifier still reads the departments' answers."""
    group, updates = groups.notifier(Lane.EMERGENCY), groups.notifier_updates(Lane.EMERGENCY)
    (broken,) = [broken for broken in CASES if broken.group == group]
    break_use_case(monkeypatch, broken)
    await write_raw(pipeline, broken.topic, [broken.record] * RECORDS, partition=1)

    async with production_app("notifier", pipeline, tmp_path, lane=Lane.EMERGENCY) as app:
        await eventually(lambda: _is_halted(app, group), 30)
        await write_raw(pipeline, topics.UPDATES, [_status_changed(Lane.EMERGENCY)] * RECORDS)
        await eventually(lambda: _is_read_up(pipeline, updates), 30)

        assert await app.metric("laksa_consumer_halted", group=updates) == 0


async def _is_halted(app: RunningApp, group: str) -> bool:
    return await app.metric("laksa_consumer_halted", group=group) == 1


async def _is_read_up(kafka: KafkaSettings, group: str) -> bool:
    return await unread(kafka, group, topics.UPDATES) == 0


async def _share_of_a_core() -> float:
    """The share of a core that this process uses while the test waits; the lowest of a few measurements.

    The first one may include start-up work. A process that takes the same record in a loop shows in all of them.
    """
    shares: list[float] = []
    while len(shares) < LOOKS and min(shares, default=1.0) >= MOST_OF_A_CORE:
        started, used = time.monotonic(), time.process_time()
        await asyncio.sleep(WATCH_SECONDS)
        shares.append((time.process_time() - used) / (time.monotonic() - started))
    return min(shares)
