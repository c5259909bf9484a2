"""Departments and channels with foreign clients: kcat, kafkajs and the CloudEvents SDK, on real records."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from shared.domain.lanes import Channel, Lane
from shared.events import catalogue, topics
from shared.events.envelope import text_headers
from shared.settings import KafkaSettings
from tests.integration.clients.pipeline import Pipeline, Record, running_pipeline
from tests.integration.clients.programs import (
    Kafkajs,
    Seen,
    install_kafkajs,
    read_with_kcat,
    running_program,
    write_with_kcat,
)
from tests.support.kafka.client import read_all, write_raw
from tests.support.waiting import eventually

PAGE = (Path(__file__).parents[3] / "docs" / "consuming.md").read_text(encoding="utf-8")
BROKEN_CALL = b'{"call_type": "normal", "text": "rumah \xff'
DECISION = {"ce_role", "ce_rule", "ce_table", "ce_why"}

Reader = Callable[[KafkaSettings, str, int], Awaitable[list[Seen]]]


@pytest.fixture(scope="module")
async def pipeline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pipeline]:
    """One pipeline for all tests of this file."""
    async with running_pipeline(tmp_path_factory.mktemp("pipeline")) as made:
        yield made


@pytest.fixture(scope="module")
def kafkajs(tmp_path_factory: pytest.TempPathFactory) -> Kafkajs:
    """kafkajs, installed once."""
    return install_kafkajs(tmp_path_factory.mktemp("node"))


@pytest.fixture(params=["kcat", "kafkajs"])
def read(request: pytest.FixtureRequest) -> Reader:
    """The read function of each client."""
    if request.param == "kcat":
        return read_with_kcat
    made: Kafkajs = request.getfixturevalue("kafkajs")
    return made.read


def _documented_headers() -> set[str]:
    """All headers in the table of docs/consuming.md."""
    table = PAGE.partition("| header |")[2].partition("\n\n")[0]
    return {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}


async def _read_the_same(pipeline: Pipeline, read: Reader, report_id: str, opd: str, lane: Lane) -> Seen:
    """A report's record on a department's topic, checked to be equal in both clients."""
    topic = topics.opd(opd, lane)
    ours = await pipeline.arrived(topic, report_id)
    records = await read(pipeline.as_department(opd), topic, len(await read_all(pipeline.kafka, topic)))
    [seen] = [record for record in records if record.key == report_id]
    assert seen.headers == text_headers(ours.headers)
    assert seen.body == ours.value
    return seen


async def test_a_department_reads_a_routine_report(pipeline: Pipeline, read: Reader) -> None:
    """Each client reads the report's body and all documented text headers."""
    report_id = await pipeline.report(category="INF-PJU", text="Lampu jalan padam — Jl. Veteran")

    seen = await _read_the_same(pipeline, read, report_id, "DISHUB", Lane.ROUTINE)

    assert json.loads(seen.body)["text"] == "Lampu jalan padam — Jl. Veteran"
    assert json.loads(seen.body)["report_id"] == report_id
    assert seen.headers.keys() >= _documented_headers() >= DECISION
    expected = {
        "ce_specversion": "1.0",
        "ce_type": catalogue.ASSIGNED,
        "ce_source": "/laksa/router",
        "ce_subject": report_id,
        "ce_lane": "routine",
        "ce_category": "INF-PJU",
        "ce_mode": "live",
        "ce_opd": "DISHUB",
        "ce_role": "owner",
        "content-type": "application/json",
    }
    assert dict(seen.headers) | expected == seen.headers
    assert datetime.fromisoformat(seen.headers["ce_time"]).tzinfo == UTC
    assert all(seen.headers[name] for name in DECISION | {"ce_id"})


@pytest.mark.slow("foreign languages")
async def test_a_department_reads_an_emergency(pipeline: Pipeline, read: Reader) -> None:
    """A 112 call arrives on the department's emergency topic."""
    report_id = await pipeline.call(category="FIR-KEBAKARAN", text="Rumah terbakar")

    seen = await _read_the_same(pipeline, read, report_id, "BPBD", Lane.EMERGENCY)

    assert json.loads(seen.body)["channel"] == "112"
    assert (seen.headers["ce_lane"], seen.headers["ce_opd"], seen.headers["ce_role"]) == ("emergency", "BPBD", "owner")


@pytest.mark.slow("foreign languages")
async def test_who_only_should_know_is_told_so(pipeline: Pipeline, read: Reader) -> None:
    """An informed department reads the same body, with another event id and role."""
    report_id = await pipeline.report(category="DIS-POHON", text="Pohon miring")

    owner = await _read_the_same(pipeline, read, report_id, "DISBUDPARMAN", Lane.ROUTINE)
    informed = await _read_the_same(pipeline, read, report_id, "BPBD", Lane.ROUTINE)

    assert (owner.headers["ce_role"], informed.headers["ce_role"]) == ("owner", "informed")
    assert owner.headers["ce_id"] != informed.headers["ce_id"]
    assert owner.body == informed.body


async def test_a_channel_writes_with_kafkajs(pipeline: Pipeline, kafkajs: Kafkajs) -> None:
    """A report on a channel's topic is accepted and routed like one sent by HTTP."""
    body = {"text": "Sampah menumpuk 🗑", "category": "ENV-SAMPAH", "reporter": {"name": "Siti"}}

    whatsapp = pipeline.as_channel(Channel.WHATSAPP)
    await kafkajs.write(whatsapp, topics.channel(Channel.WHATSAPP), "wa-1", json.dumps(body).encode())

    record = await _accepted_from(pipeline, Channel.WHATSAPP)
    report = json.loads(record.value or b"")
    assert {name: report[name] for name in ("text", "category")} == {name: body[name] for name in ("text", "category")}
    assert report["reporter"]["name"] == "Siti"
    assert text_headers(record.headers)["ce_type"] == catalogue.SUBMITTED
    await pipeline.arrived(topics.opd("DLH", Lane.ROUTINE), report["report_id"])


async def _accepted_from(pipeline: Pipeline, channel: Channel) -> Record:
    found: list[Record] = []

    async def is_there() -> bool:
        records = await read_all(pipeline.kafka, topics.reports(Lane.ROUTINE))
        found.extend(record for record in records if json.loads(record.value or b"")["channel"] == channel)
        return bool(found)

    await eventually(is_there, 30)
    return found[0]


@pytest.mark.slow("foreign languages")
async def test_the_javascript_example_works_as_printed(pipeline: Pipeline, kafkajs: Kafkajs, tmp_path: Path) -> None:
    """The Node.js code of docs/consuming.md, with only the department changed, reads and acknowledges a report."""
    [example] = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
    source = example.replace("dishub", "dpupr")
    report_id = await pipeline.report(category="INF-JALAN", text="Jalan berlubang")
    printed = tmp_path / "department.out"

    department = pipeline.as_department("DPUPR")
    async with running_program(*kafkajs.command("department.js", source), output=printed, user=department):
        try:
            update = await pipeline.arrived(topics.UPDATES, report_id)
        except AssertionError as error:
            error.add_note(printed.read_text())
            raise

    assert "owner INF-JALAN Jalan berlubang" in printed.read_text()
    change = json.loads(update.value or b"")
    expected = {"report_id": report_id, "opd": "DPUPR", "to_status": "acknowledged", "by": "contoh", "seq": 1}
    assert change | expected == change


async def test_a_department_answers_with_kcat(pipeline: Pipeline) -> None:
    """A department can answer with kcat, because its updates need no CloudEvents headers."""
    report_id = await pipeline.report(category="ENV-SAMPAH", text="Sampah di kali")
    await pipeline.arrived(topics.opd("DLH", Lane.ROUTINE), report_id)
    at = datetime.now(UTC).isoformat()
    answer = {"report_id": report_id, "status": "acknowledged", "by": "Rina", "at": at, "seq": 1, "note": "Tim jalan"}

    department = pipeline.as_department("DLH")
    await write_with_kcat(department, topics.department("DLH"), report_id, json.dumps(answer).encode())

    change = json.loads((await pipeline.arrived(topics.UPDATES, report_id)).value or b"")
    assert (change["opd"], change["to_status"], change["note"]) == ("DLH", "acknowledged", "Tim jalan")


@pytest.mark.slow("foreign languages")
async def test_a_department_sees_nothing_of_another(pipeline: Pipeline, read: Reader) -> None:
    """A department's client is refused on another department's topics."""
    with pytest.raises(AssertionError, match=r"(?i)authoriz"):
        await read(pipeline.as_department("DISHUB"), topics.opd("BPBD", Lane.EMERGENCY), 1)


async def test_the_cloudevents_sdk_reads_every_topic(pipeline: Pipeline) -> None:
    """Each kind of topic carries valid CloudEvents of its documented types."""
    routine = await pipeline.report(category="INF-PJU", text="Lampu padam")
    emergency = await pipeline.call(category="FIR-KEBAKARAN", text="Pasar terbakar")
    await write_raw(pipeline.kafka, topics.channel(Channel.CALL_112), [(BROKEN_CALL, [])])
    await pipeline.arrived(topics.opd("DISHUB", Lane.ROUTINE), routine)
    answer = {"report_id": routine, "status": "acknowledged", "by": "Rina", "at": "2026-11-24T03:00:00Z", "seq": 1}
    await write_raw(pipeline.kafka, topics.department("DISHUB"), [(json.dumps(answer).encode(), [])])
    await pipeline.arrived(topics.UPDATES, routine)
    await pipeline.arrived(topics.opd("BPBD", Lane.EMERGENCY), emergency)
    await pipeline.arrived(topics.opd("LIVEROOM", Lane.EMERGENCY))

    assert await _types_on(pipeline, topics.reports(Lane.ROUTINE)) == {catalogue.SUBMITTED}
    assert await _types_on(pipeline, topics.reports(Lane.EMERGENCY)) == {catalogue.SUBMITTED, catalogue.UNREADABLE}
    assert await _types_on(pipeline, topics.opd("DISHUB", Lane.ROUTINE)) == {catalogue.ASSIGNED}
    assert await _types_on(pipeline, topics.opd("BPBD", Lane.EMERGENCY)) == {catalogue.ASSIGNED}
    assert await _types_on(pipeline, topics.opd("LIVEROOM", Lane.EMERGENCY)) == {catalogue.UNREADABLE}
    assert await _types_on(pipeline, topics.UPDATES) == {catalogue.STATUS_CHANGED}
    facts = {catalogue.REGISTERED, catalogue.ROUTED, catalogue.STATUS_CHANGED, catalogue.DELIVERED}

    async def all_facts_are_there() -> bool:
        return await _types_on(pipeline, topics.LIFECYCLE) >= facts

    await eventually(all_facts_are_there, 30)


async def _types_on(pipeline: Pipeline, topic: str) -> set[str]:
    """The event types of a topic's records, each read by the SDK."""
    return {_read_by_the_sdk(record) for record in await read_all(pipeline.kafka, topic)}


def _read_by_the_sdk(record: Record) -> str:
    """The event type of a record, after comparing all attributes that the SDK reads."""
    value = record.value or b""
    headers = text_headers(record.headers)
    event = from_binary_event(KafkaMessage(dict(record.headers), record.key, value))

    named: dict[str, Any] = {name: headers[f"ce_{name}"] for name in ("specversion", "id", "type", "source", "subject")}
    attributes = event.get_attributes()
    assert attributes | named == attributes
    assert event.get_time() == datetime.fromisoformat(headers["ce_time"])
    assert event.get_extension("lane") in set(Lane)
    assert event.get_extension("partitionkey") == event.get_subject()
    unreadable = event.get_type() == catalogue.UNREADABLE
    assert event.get_datacontenttype() == ("application/octet-stream" if unreadable else "application/json")
    assert event.get_data() == (value if unreadable else json.loads(value))
    return str(event.get_type())
