"""The notifier process on a real Kafka: push, acknowledgement, stop, kill and restart."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx2
import orjson
import pytest
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from services.notifier.endpoints import Endpoint
from services.notifier.signing import sign
from shared.db.engine import sqlite_url
from shared.domain.lanes import Lane
from shared.events import topics
from shared.events.catalogue import STATUS_CHANGED
from shared.events.envelope import Attributes, headers_of, text_headers
from shared.events.models import ReportStatusChanged, ReportSubmitted
from shared.messaging.connection import connection_options
from shared.messaging.producer import make_client
from shared.settings import KafkaSettings
from tests.support.builders.assignments import assigned_record, report, status_changed
from tests.support.builders.endpoints import endpoint, secret
from tests.support.processes.service_process import ServiceProcess, kafka_with_topics
from tests.support.receivers import Receiver, answer, hang, receiver, unused_port
from tests.support.waiting import eventually

DEAD_LETTERS = topics.dead_letters("notifier", Lane.EMERGENCY)


@pytest.fixture
async def kafka(tmp_path: Path) -> AsyncIterator[KafkaSettings]:
    """A Kafka of the test's own, with every topic."""
    async with kafka_with_topics(tmp_path) as made:
        yield made


@dataclass(kw_only=True)
class Running(ServiceProcess):
    """One notifier process, and a producer of reports beside it."""

    kafka: KafkaSettings
    producer: AIOKafkaProducer

    async def assign(self, body: ReportSubmitted, opd: str = "BPBD") -> None:
        """Put a report on a department's topic."""
        record = assigned_record(body, opd)
        await self.producer.send_and_wait(record.topic, record.value, record.key, headers=list(record.headers))

    async def read(self, topic: str, count: int) -> list[ConsumerRecord]:
        """The first records of a topic, once there are so many."""
        consumer = AIOKafkaConsumer(
            topic, **connection_options(self.kafka), auto_offset_reset="earliest", group_id=None
        )
        await consumer.start()
        found: list[ConsumerRecord] = []
        try:
            async with asyncio.timeout(30.0):
                while len(found) < count:
                    found.append(await consumer.getone())
        finally:
            await consumer.stop()
        return found


@asynccontextmanager
async def running(kafka: KafkaSettings, directory: Path, *known: Endpoint) -> AsyncIterator[Running]:
    """A ready notifier of the emergency lane with these endpoints."""
    path = directory / "endpoints.yaml"
    path.write_text(yaml.safe_dump({"endpoints": [entry.model_dump(mode="json") for entry in known]}), encoding="utf-8")
    producer = make_client(kafka)
    await producer.start()
    port = unused_port()
    made = Running(
        command=["services.notifier", "--lane", "emergency"],
        kafka=kafka,
        directory=directory,
        port=port,
        settings={
            "LAKSA_DATABASE_URL": sqlite_url(directory / "notifier.db"),
            "LAKSA_ENDPOINTS_FILE": str(path),
            "LAKSA_PUBLIC_URL": f"http://127.0.0.1:{port}",
        },
        producer=producer,
    )
    try:
        await made.start()
        yield made
    finally:
        await made.kill_if_running()
        await producer.stop()


async def call_back(department: Receiver) -> httpx2.Response:
    """Acknowledge the last push as a department would: sign, and post to the push's own ack_url."""
    push = department.pushes[-1]
    body = orjson.dumps({"by": "Sari"})
    headers = sign([secret("bpbd-1")], push.id, body, at=datetime.now(UTC))
    async with httpx2.AsyncClient() as client:
        return await client.post(push.json["ack_url"], content=body, headers=headers)


def update_record(change: ReportStatusChanged) -> tuple[bytes, list[tuple[str, bytes]]]:
    """A department's answer as intake publishes it."""
    attributes = Attributes(
        id=str(uuid4()),
        type=STATUS_CHANGED,
        source="/laksa/intake",
        subject=str(change.report_id),
        extensions={"lane": change.lane},
    )
    return change.model_dump_json().encode(), headers_of(attributes)


async def test_from_the_topic_to_the_acknowledgement(kafka: KafkaSettings, tmp_path: Path) -> None:
    """An assigned emergency is pushed within 2 s, again until acknowledged, then no more; lifecycle tells of it all."""
    async with receiver() as department, running(kafka, tmp_path, endpoint(url=department.url)) as service:
        body = report()
        await service.assign(body)
        [push, *_] = await department.wait_for_pushes(1, 2.0)
        push.verify(secret("bpbd-1"))
        assert push.json["data"]["report_id"] == str(body.report_id)
        await department.wait_for_pushes(3)
        assert {received.id for received in department.pushes} == {push.id}
        assert (await call_back(department)).status_code == 200
        after = len(department.pushes)
        facts = await service.read(topics.LIFECYCLE, after + 1)
        kinds = [text_headers(fact.headers)["ce_type"].split(".")[-2] for fact in facts]
        assert sorted(kinds) == ["acknowledged", *["delivered"] * after]
        assert all(fact.key == str(body.report_id).encode() for fact in facts)

        answered = report(1)
        await service.assign(answered)
        await eventually(lambda: department.pushes[-1].id != push.id)
        value, headers = update_record(status_changed(answered))
        await service.producer.send_and_wait(topics.UPDATES, value, headers=headers)

        async def is_acknowledged() -> bool:
            async with httpx2.AsyncClient() as client:
                said = await client.get(f"{service.url}/v1/deliveries", params={"report_id": str(answered.report_id)})
            return [delivery["state"] for delivery in said.json()["deliveries"]] == ["acknowledged"]

        await eventually(is_acknowledged)
        assert await service.end(signal.SIGTERM) in {0, -signal.SIGTERM}  # uvicorn ends by the signal it was sent


async def test_a_killed_notifier_pushes_again_under_the_same_id(kafka: KafkaSettings, tmp_path: Path) -> None:
    """SIGKILL during a push: after the restart the delivery goes out again within the lease's 15 s (F18, F19)."""
    async with (
        receiver(answer(), hang) as department,
        running(kafka, tmp_path, endpoint(url=department.url)) as service,
    ):
        await service.assign(report())
        [push] = await department.wait_for_pushes(1)
        await service.end(signal.SIGKILL)
        await service.assign(report(1))
        await service.start()
        await eventually(lambda: len({received.id for received in department.pushes}) == 2, 10.0)
        await eventually(lambda: [received.id for received in department.pushes].count(push.id) >= 2, 20.0)
        department.pushes[-1].verify(secret("bpbd-1"))


async def test_a_bad_emergency_record_reaches_the_supervisor(kafka: KafkaSettings, tmp_path: Path) -> None:
    """What cannot be parsed is dead-lettered and its bytes are pushed to the Live Room; good records go on."""
    async with receiver() as department, receiver() as desk:
        known = [endpoint(url=department.url), endpoint("live-1", "LIVEROOM", url=desk.url)]
        async with running(kafka, tmp_path, *known) as service:
            topic = topics.opd("BPBD", Lane.EMERGENCY)
            record = assigned_record(report())
            await service.producer.send_and_wait(topic, b"{tolong \xff", headers=list(record.headers))
            await service.producer.send_and_wait(topic, None, b"key", headers=[("ce_id", None), ("x", b"\xff\xfe")])
            await service.assign(report(1))
            await department.wait_for_pushes(1)
            await eventually(lambda: len({push.id for push in desk.pushes}) == 2)
            assert {push.json["type"] for push in desk.pushes} == {"report.unreadable"}
            assert any("tolong" in push.json["data"]["text"] for push in desk.pushes)
            codes = {text_headers(record.headers)["dlq-error-code"] for record in await service.read(DEAD_LETTERS, 2)}
            assert codes == {"unreadable_body", "missing_attribute"}
