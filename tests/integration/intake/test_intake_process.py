"""The intake process stores a report on disk before its 202, and publishes it to Kafka."""

import asyncio
import json
import random
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.domain.lanes import Lane
from shared.events import topics
from shared.settings import KafkaSettings
from tests.support.kafka.client import RawRecord, read_all, write_raw
from tests.support.machine import needed
from tests.support.processes.environment import kafka_at
from tests.support.processes.intake_process import KEYS, intake_process
from tests.support.processes.service_process import ServiceProcess, kafka_with_topics
from tests.support.receivers import unused_port
from tests.support.waiting import eventually

SEED = 20_240_731
# of the 200 that promise I1 names: a start of the process takes two seconds
FEW_KILLS = 4
MANY_KILLS = 60
LANES = [topics.reports(lane) for lane in Lane]


@pytest.fixture
async def kafka(tmp_path: Path) -> AsyncIterator[KafkaSettings]:
    """A Kafka of the test's own, with every topic."""
    async with kafka_with_topics(tmp_path) as made:
        yield made


async def test_what_is_accepted_without_kafka_is_published_once_it_is_there(tmp_path: Path) -> None:
    """I5: without Kafka intake answers 202 and is not ready; later each report is published and registered once."""
    port = unused_port()
    async with intake_process(tmp_path, kafka_at(port)) as intake:
        accepted = {(await _report(intake, number)).json()["report_id"] for number in range(20)}
        assert not await intake.is_ready()
        async with kafka_with_topics(tmp_path, port) as kafka:
            await eventually(intake.is_ready, 60)
            await eventually(lambda: _all_are_published(kafka, accepted), 60)
            published = await _event_ids(kafka, topics.LIFECYCLE)
    assert Counter({report_id: len(ids) for report_id, ids in published.items()}) == Counter(accepted)


@pytest.mark.parametrize(
    "kills",
    [
        FEW_KILLS,
        pytest.param(MANY_KILLS, marks=[pytest.mark.slow("kills in turn"), pytest.mark.timeout(600)]),
    ],
)
async def test_killed_at_any_moment_every_202_is_published(tmp_path: Path, kafka: KafkaSettings, kills: int) -> None:
    """I1, I2 (F01-F03): after SIGKILLs under load every 202 is on Kafka and no 4xx is."""
    rng = random.Random(SEED)
    async with intake_process(tmp_path, kafka) as intake:
        accepted: set[str] = set()
        refused: set[str] = set()
        for number in range(kills):
            sending = asyncio.create_task(_send_until_down(intake, f"{SEED}-{number}", accepted, refused))
            killing_at = time.monotonic() + rng.uniform(0.05, 0.4)
            await eventually(lambda at=killing_at: time.monotonic() >= at)  # type: ignore[misc]
            await intake.end(signal.SIGKILL)
            await sending
            await intake.start()
        await eventually(lambda: _all_are_published(kafka, accepted), 60)
        published = await _event_ids(kafka, *LANES)
        references = await _source_references(kafka, *LANES)
    assert len(accepted) > kills
    assert refused
    assert references
    assert references.isdisjoint(refused)
    assert {len(set(ids)) for ids in published.values()} == {1}


async def test_it_is_on_disk_before_anybody_is_told(tmp_path: Path) -> None:
    """I1 (F40): between the request and its 202, the system calls show a finished fdatasync, for both kinds."""
    strace = needed("strace", "strace")
    trace = tmp_path / "trace"
    calls = "trace=fdatasync,fsync,read,recvfrom,write,writev,sendto,sendmsg"
    wrapper = [strace, "-D", "-f", "-s", "80", "-e", calls, "-o", str(trace)]
    async with intake_process(tmp_path, kafka_at(unused_port()), wrapper) as intake:
        for number in (1, 2):
            assert (await _report(intake, number)).status_code == 202
        await eventually(lambda: trace.read_text().count("HTTP/1.1 202") == 2)
    lines = trace.read_text().splitlines()
    for asked, told in zip(_lines_with(lines, '"POST /v1/'), _lines_with(lines, "HTTP/1.1 202"), strict=True):
        synced = [line for line in lines[asked:told] if re.search(r"(fdatasync|fsync).*= 0$", line)]
        assert synced, lines[asked : told + 1]


async def test_what_channels_write_to_kafka(tmp_path: Path, kafka: KafkaSettings) -> None:
    """Valid records become reports, bad ones dead letters with a code; a bad call also goes to the supervisor."""
    good_call = json.dumps({"call_type": "normal", "text": "Kebakaran", "category": "FIR-KEBAKARAN"}).encode()
    good_report = json.dumps({"text": "Sampah menumpuk", "category": "ENV-SAMPAH"}).encode()
    bad: list[RawRecord] = [(b"\xff not json", []), (b"", []), (None, []), (b"[1, 2]", [("ce_id", b"\xff\xfe")])]
    await write_raw(kafka, "channels.112.v1", [*bad, (good_call, [("broken", None)])])
    await write_raw(kafka, "channels.whatsapp.v1", [(b'{"text": 7}', []), *bad, (good_report, [("x", b"\xff")])])
    async with intake_process(tmp_path, kafka):
        await eventually(lambda: _count(kafka, "intake.dlq.v1", 9), 60)
        await eventually(lambda: _count(kafka, topics.reports(Lane.ROUTINE), 1), 30)
        await eventually(lambda: _count(kafka, topics.reports(Lane.EMERGENCY), 5), 30)
        letters = [dict(record.headers) for record in await read_all(kafka, "intake.dlq.v1")]
        emergencies = await read_all(kafka, topics.reports(Lane.EMERGENCY))
    codes = Counter((letter["dlq-original-topic"], letter["dlq-error-code"]) for letter in letters)
    assert codes == {
        (b"channels.112.v1", b"unreadable_body"): 4,
        (b"channels.whatsapp.v1", b"unreadable_body"): 4,
        (b"channels.whatsapp.v1", b"invalid_event"): 1,
    }
    kinds = Counter(dict(record.headers)["ce_type"].decode().split(".", 3)[3] for record in emergencies)
    assert kinds == {"report.submitted.v1": 1, "report.unreadable.v1": 4}
    assert {record.value for record in emergencies if record.value} >= {b"\xff not json", b"[1, 2]"}


async def test_what_departments_answer(tmp_path: Path, kafka: KafkaSettings) -> None:
    """A legal transition is published, on lifecycle.v1 without note; others become dead letters with a reason."""
    async with intake_process(tmp_path, kafka) as intake:
        report_id = (await _report(intake, 1)).json()["report_id"]
        steps = [
            _answer(report_id, "acknowledged", 1),
            _answer(report_id, "acknowledged", 1),  # again: harmless
            _answer(report_id, "closed", 2),
            _answer(report_id, "resolved", 2),
            _answer(report_id, "in_progress", 1),
            _answer("01a20dd9-f96a-714a-806b-f54fc0c3d3ff", "acknowledged", 1),
        ]
        for step in steps:  # one by one: they are for one partition, as a department keys them
            await write_raw(kafka, "departments.dishub.v1", [(json.dumps(step).encode(), [])])
        await eventually(lambda: _count(kafka, "intake.dlq.v1", 3), 60)

        async def both_are_told() -> bool:  # by their ids: the repeat is published again
            told, counted = await _told(kafka), await _counted(kafka)
            return len(told) >= 2 and len(counted) >= 2

        await eventually(both_are_told, 60)
        told = [json.loads(body) for body in await _told(kafka)]
        counted = await _counted(kafka)
        letters = [dict(record.headers)["dlq-error-code"] for record in await read_all(kafka, "intake.dlq.v1")]
    assert [(one["from_status"], one["to_status"], one["note"]) for one in told] == [
        ("routed", "acknowledged", "rahasia"),
        ("acknowledged", "resolved", "rahasia"),
    ]
    assert len(counted) == 2
    assert not any(b"rahasia" in body for body in counted)
    assert sorted(letters) == [b"unknown_report", b"workflow_refused", b"workflow_refused"]


async def _told(kafka: KafkaSettings) -> list[bytes]:
    return await _by_event_id(kafka, topics.UPDATES)


async def _counted(kafka: KafkaSettings) -> list[bytes]:
    return await _by_event_id(kafka, topics.LIFECYCLE, "report.status_changed.v1")


def _answer(report_id: str, status: str, seq: int) -> dict[str, Any]:
    return {
        "report_id": report_id,
        "status": status,
        "by": "Petugas Rina",
        "at": "2026-11-24T10:15:00+07:00",
        "note": "rahasia",
        "seq": seq,
    }


async def _report(intake: ServiceProcess, number: int) -> httpx2.Response:
    """A call or a report, alternating."""
    body: dict[str, Any] = {"text": f"Laporan {number}", "source_reference": f"r-{number}"}
    async with httpx2.AsyncClient() as client:
        if number % 2:
            return await client.post(f"{intake.url}/v1/reports", json=body, headers={"X-API-Key": KEYS["laksa"]})
        call = {**body, "call_type": "normal", "category": "FIR-KEBAKARAN"}
        return await client.post(f"{intake.url}/v1/calls", json=call, headers={"X-API-Key": KEYS["112"]})


async def _send_until_down(intake: ServiceProcess, run: str, accepted: set[str], refused: set[str]) -> None:
    """Send good and bad requests with four clients until intake is down."""

    async def one(client: httpx2.AsyncClient, worker: int) -> None:
        for number in range(10_000):
            reference = f"{run}-{worker}-{number}"
            bad = number % 5 == 4
            body = {"text": 7 if bad else "Lampu padam", "source_reference": reference}
            try:
                answer = await client.post(f"{intake.url}/v1/reports", json=body, headers={"X-API-Key": KEYS["laksa"]})
            except httpx2.TransportError:
                return
            if answer.status_code == 202:
                accepted.add(answer.json()["report_id"])
            else:
                assert (answer.status_code, bad) == (422, True)
                refused.add(reference)

    async with httpx2.AsyncClient() as client:
        await asyncio.gather(*(one(client, worker) for worker in range(4)))


async def _event_ids(kafka: KafkaSettings, *names: str) -> dict[str, list[str]]:
    """Report id → the event id of each of its records."""
    found: dict[str, list[str]] = {}
    for name in names:
        for record in await read_all(kafka, name):
            found.setdefault((record.key or b"").decode(), []).append(dict(record.headers)["ce_id"].decode())
    return found


async def _source_references(kafka: KafkaSettings, *names: str) -> set[str]:
    """The channel's own reference of each report on these topics."""
    records = [record for name in names for record in await read_all(kafka, name)]
    return {json.loads(record.value or b"")["source_reference"] for record in records}


async def _all_are_published(kafka: KafkaSettings, accepted: set[str]) -> bool:
    return accepted <= set(await _event_ids(kafka, *LANES))


async def _count(kafka: KafkaSettings, topic: str, wanted: int) -> bool:
    return len(await read_all(kafka, topic)) >= wanted


async def _by_event_id(kafka: KafkaSettings, topic: str, kind: str = "") -> list[bytes]:
    """The bodies of a topic's events by event id, so that repeats count once."""
    records = [(dict(record.headers), record.value or b"") for record in await read_all(kafka, topic)]
    return list({headers["ce_id"]: body for headers, body in records if kind.encode() in headers["ce_type"]}.values())


def _lines_with(lines: list[str], what: str) -> list[int]:
    return [number for number, line in enumerate(lines) if what in line]
