"""The router of one lane on FastStream's test broker: its records and its operations routes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from faststream.kafka import TestKafkaBroker
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from services.router.app import build_app, build_consumer
from services.router.routing_table import RoutingTableError
from services.router.settings import RouterSettings
from shared.domain.lanes import Lane
from shared.events.catalogue import ASSIGNED, UNREADABLE
from shared.messaging.received import Record
from shared.observability.metrics import MessagingMetrics
from shared.process.health import Health
from shared.settings import KafkaSettings
from tests.support.builders.records import consumer_record, submitted, submitted_record
from tests.support.kafka.producer import InMemoryProducer, headers


def _settings(lane: Lane) -> RouterSettings:
    return RouterSettings(lane=lane, kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))


class _Router:
    """A router of one lane without Kafka."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.producer = InMemoryProducer()
        self.registry = CollectorRegistry()
        self.consumer = build_consumer(
            _settings(lane),
            self.producer,
            self.registry,
            MessagingMetrics(self.registry),
            health=Health(),
            stopping=asyncio.Event(),
        )

    async def take(self, records: Sequence[Record]) -> None:
        """Pass records to this lane as Kafka does."""
        (subscriber,) = self.consumer.subscribers.values()
        async with TestKafkaBroker(self.consumer.broker):
            for message in [tuple(records)] if self.lane is Lane.ROUTINE else records:
                await subscriber.process_message(message)

    def topics(self) -> list[str]:
        """Return the topics of the published records, without the lifecycle."""
        return [record.topic for record in self.producer.sent if record.topic != "lifecycle.v1"]


BAD: list[tuple[bytes | None, list[tuple[str, bytes | None]]]] = [
    (b"{broken", [("content-type", b"application/json")]),
    (None, []),
    (b"{}", [("ce_id", None), ("x", b"\xff")]),
]


@pytest.mark.parametrize("lane", Lane)
async def test_every_report_is_routed_and_decided_once(lane: Lane) -> None:
    """One by one or in a batch, each report reaches its department's topic of its lane, with one decision."""
    router = _Router(lane)
    reports = [
        submitted(number, category=code, lane=lane) for number, code in enumerate(["FIR-KEBAKARAN", "ENV-SAMPAH"])
    ]

    await router.take([submitted_record(report) for report in reports])

    assert router.topics() == [f"opd.bpbd.{lane}.v1", f"opd.pln.{lane}.v1", f"opd.dlh.{lane}.v1"]
    assert len(router.producer.on("lifecycle.v1")) == 2
    assert all(headers(record)["ce_type"] == ASSIGNED for record in router.producer.on(f"opd.dlh.{lane}.v1"))


async def test_bad_routine_records_are_dead_lettered_among_good_ones() -> None:
    """R5: the good records of a batch are routed, the bad ones are dead-lettered with their reason."""
    router = _Router(Lane.ROUTINE)
    good = [submitted_record(submitted(number), offset=number) for number in range(3)]
    bad = [consumer_record(value, pairs, offset=10) for value, pairs in BAD]

    await router.take([good[0], bad[0], good[1], bad[1], good[2], bad[2]])

    assert router.topics().count("opd.dishub.routine.v1") == 3
    assert router.topics().count("router.routine.dlq.v1") == 3
    assert not any(topic.startswith("opd.liveroom") for topic in router.topics())


async def test_a_bad_emergency_is_an_emergency_still() -> None:
    """R5: a bad emergency is dead-lettered, and its raw bytes go to the 112 supervisor."""
    router = _Router(Lane.EMERGENCY)

    await router.take([consumer_record(value, pairs, topic="reports.emergency.v1") for value, pairs in BAD])

    assert router.topics() == ["opd.liveroom.emergency.v1", "router.emergency.dlq.v1"] * 3
    passed_on = router.producer.on("opd.liveroom.emergency.v1")
    assert [record.value for record in passed_on] == [b"{broken", b"", b"{}"]
    assert {headers(record)["ce_type"] for record in passed_on} == {UNREADABLE}


async def test_what_intake_could_not_read_is_passed_on_without_a_dead_letter() -> None:
    """A report.unreadable goes to the 112 supervisor without a dead letter."""
    router = _Router(Lane.EMERGENCY)
    pairs = [("ce_id", b"1"), ("ce_type", UNREADABLE.encode()), ("ce_source", b"x"), ("ce_specversion", b"1.0")]

    await router.take([consumer_record(b"\x00raw", pairs, topic="reports.emergency.v1")])

    assert router.topics() == ["opd.liveroom.emergency.v1"]
    assert router.producer.on("lifecycle.v1") == []


async def test_a_routine_record_of_that_type_is_unknown() -> None:
    """A report.unreadable in the routine lane is dead-lettered and not sent to the supervisor."""
    router = _Router(Lane.ROUTINE)
    pairs = [("ce_id", b"1"), ("ce_type", UNREADABLE.encode()), ("ce_source", b"x"), ("ce_specversion", b"1.0")]

    await router.take([consumer_record(b"raw", pairs)])

    (letter,) = router.producer.sent
    assert headers(letter)["dlq-error-code"] == "unknown_event_type"


@pytest.mark.parametrize("lane", Lane)
def test_ops_can_ask_while_kafka_is_down(lane: Lane) -> None:
    """Without Kafka the router is live, says why it is not ready, and serves metrics and AsyncAPI."""
    with TestClient(build_app(_settings(lane))) as client:
        assert client.get("/health/live").status_code == 200
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["checks"]) == (503, {"kafka": "Not consuming from Kafka yet"})
        metrics = client.get("/metrics").text
        assert f'laksa_reports_decided_total{{lane="{lane}",outcome="rejected"}} 0.0' in metrics
        assert f'laksa_undecided_oldest_seconds{{lane="{lane}"}} 0.0' in metrics
        document = client.get("/asyncapi").json()
        assert document["asyncapi"] == "3.0.0"
        assert "ReportSubmitted" in document["components"]["schemas"]


def test_a_broken_table_stops_the_start(tmp_path: Path) -> None:
    """An invalid routing table stops the start with a message that names the fault."""
    path = tmp_path / "table.yaml"
    path.write_text("versions: []")

    with pytest.raises(RoutingTableError, match="`versions` must be a list"):
        build_app(_settings(Lane.ROUTINE).model_copy(update={"routing_table": path}))
