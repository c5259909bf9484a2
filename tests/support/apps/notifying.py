"""A notifier's parts for tests, put together without Kafka, with everything that does not matter filled in."""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.acknowledgement import Acknowledging
from services.notifier.assignment import Assignment, assignment_parser
from services.notifier.backlog import BacklogWatch
from services.notifier.endpoints import Endpoint, Endpoints
from services.notifier.inbox import Inbox
from services.notifier.metrics import NotifierMetrics
from services.notifier.push_loop import PushLoop
from services.notifier.store import Store
from services.notifier.tables import REVISION, metadata
from services.notifier.tables import outbox as outbox_rows
from services.notifier.webhook import WebhookChannel, webhook_session
from shared.db.engine import make_engine
from shared.db.outbox import Outbox
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.events.catalogue import ASSIGNED
from shared.events.envelope import Attributes, headers_of, text_headers
from shared.events.models import DeliveryChanged, ReportStatusChanged, ReportSubmitted
from tests.support.databases.engines import make_tables

NAMESPACE = UUID("c5a1f2a4-51f4-4a39-8f3b-7f0f5f0d9a02")
PUBLIC_URL = "http://notifier.test"
STATS_URL = "http://stats.test"


def secret(name: str) -> str:
    """A made-up secret of the right form, always the same for a name."""
    return "whsec_" + base64.b64encode(uuid5(NAMESPACE, name).bytes * 2).decode()


def endpoint(
    name: str = "bpbd-1", opd: str = "BPBD", url: str | None = "http://127.0.0.1:9/push", **more: Any
) -> Endpoint:
    """A webhook endpoint; ``url=None`` makes a subscribing one."""
    kind = "subscribe" if url is None else "webhook"
    return Endpoint(**{"id": name, "opd": opd, "kind": kind, "url": url, "secret": secret(name)} | more)


def report(number: int = 0, **fields: Any) -> ReportSubmitted:
    """The n-th report: by default a fire, received now."""
    values: dict[str, Any] = {
        "report_id": uuid5(NAMESPACE, f"report-{number}"),
        "ticket": f"LKS-TEST-{number}",
        "channel": "112",
        "lane": "emergency",
        "category": "FIR-KEBAKARAN",
        "text": "Kebakaran di pasar",
        "place": {"latitude": -6.17, "longitude": 106.63, "kecamatan": "CIPONDOH", "landmark": "Pasar Lama"},
        "reporter": {"name": "Siti", "phone": "+628120000001"},
        "received_at": datetime.now(UTC),
    }
    return ReportSubmitted(**values | fields)


def assigned_record(
    body: ReportSubmitted, opd: str = "BPBD", *, event: str = "", role: str = "owner"
) -> ConsumerRecord:
    """The record on a department's topic that carries a report."""
    attributes = Attributes(
        id=event or str(uuid5(NAMESPACE, f"assigned-{body.report_id}-{opd}")),
        type=ASSIGNED,
        source="/laksa/router",
        subject=str(body.report_id),
        time=body.received_at,
        extensions={"lane": body.lane, "opd": opd, "mode": body.mode, "role": role, "rule": "r", "table": "1"},
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        correlation_id=str(body.report_id),
    )
    value = body.model_dump_json().encode()
    return record(topics.opd(opd, Lane(body.lane)), value, headers_of(attributes), key=str(body.report_id).encode())


def record(
    topic: str, value: bytes | None, headers: Sequence[tuple[str, bytes | None]], *, key: bytes | None = None
) -> ConsumerRecord:
    """A record as aiokafka hands it out."""
    return ConsumerRecord(
        topic=topic,
        partition=0,
        offset=7,
        timestamp=int(datetime.now(UTC).timestamp() * 1000),
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(value or b""),
        headers=tuple(headers),
    )


def assigned(body: ReportSubmitted, opd: str = "BPBD", *, event: str = "", role: str = "owner") -> Assignment:
    """A report as the notifier reads it from a department's topic."""
    parse = assignment_parser(Lane(body.lane), default_taxonomy(), stats_url=STATS_URL)
    return parse(assigned_record(body, opd, event=event, role=role))


def status_changed(body: ReportSubmitted, opd: str = "BPBD", status: str = "acknowledged") -> ReportStatusChanged:
    """A department's answer to a report."""
    now = datetime.now(UTC)
    return ReportStatusChanged(
        report_id=body.report_id,
        opd=opd,
        lane=body.lane,
        from_status="routed",
        to_status=status,
        by="Budi",
        at=now,
        recorded_at=now,
        seq=1,
    )


@dataclass
class TestClock:
    """A clock that stands until it is moved."""

    __test__ = False
    seconds: float = field(default_factory=lambda: datetime.now(UTC).timestamp())

    def __call__(self) -> float:
        """The time."""
        return self.seconds

    def move(self, span: timedelta | float) -> None:
        """Let time pass."""
        self.seconds += span.total_seconds() if isinstance(span, timedelta) else span


@dataclass
class Notifier:
    """One lane's notifier without Kafka: what it would publish is read from its outbox."""

    lane: Lane
    engine: AsyncEngine
    outbox: Outbox
    store: Store
    metrics: NotifierMetrics
    registry: CollectorRegistry
    endpoints: Endpoints
    push_loop: PushLoop
    inbox: Inbox
    acknowledging: Acknowledging
    watch: BacklogWatch
    clock: TestClock

    async def push_due(self) -> int:
        """Start every push that is due and wait for its end; returns how many there were."""
        started = 0
        while count := await self.push_loop.start_due():
            started += count
            await self.pushes_ended()
        return started

    async def pushes_ended(self) -> None:
        """Wait for the pushes in hand."""
        await self.push_loop.wait_for_pushes(30)

    async def facts(self) -> list[tuple[str, DeliveryChanged]]:
        """The lifecycle facts so far: kind and body."""
        rows = await self.outbox.pending(1000)
        return [
            (
                text_headers(row.record.headers)["ce_type"].split(".")[-2],
                DeliveryChanged.model_validate_json(row.record.value),
            )
            for row in rows
        ]

    def metric(self, name: str, **labels: str) -> float:
        """A metric's value; 0 where it was never touched."""
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def notifier(
    url: str, endpoints: Sequence[Endpoint], *, lane: Lane = Lane.EMERGENCY, clock: TestClock | None = None
) -> AsyncIterator[Notifier]:
    """A notifier on a database, with a real HTTP client."""
    engine = make_engine(url, pool_size=1 if url.startswith("sqlite") else 5)
    outbox = Outbox(engine, outbox_rows)
    store = Store(engine, outbox)
    await make_tables(engine, metadata, REVISION)
    registry = CollectorRegistry()
    metrics, known, now = NotifierMetrics(registry), Endpoints(endpoints), clock or TestClock()
    async with webhook_session() as session:
        push_loop = PushLoop(
            lane=lane,
            store=store,
            endpoints=known,
            channel=WebhookChannel(session),
            metrics=metrics,
            public_url=PUBLIC_URL,
            now=now,
        )
        try:
            yield Notifier(
                lane=lane,
                engine=engine,
                outbox=outbox,
                store=store,
                metrics=metrics,
                registry=registry,
                endpoints=known,
                push_loop=push_loop,
                inbox=Inbox(lane=lane, store=store, endpoints=known, metrics=metrics, now=now, wake=push_loop.wake),
                acknowledging=Acknowledging(store, known, metrics, now),
                watch=BacklogWatch(lane, store, metrics, now),
                clock=now,
            )
        finally:
            await push_loop.finish(0.0)
            await engine.dispose()
