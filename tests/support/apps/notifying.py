"""The parts of a notifier for tests, without Kafka and with defaults."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.acknowledgement import Acknowledging
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
from shared.events.envelope import text_headers
from shared.events.models import DeliveryChanged
from tests.support.databases.engines import make_tables

PUBLIC_URL = "http://notifier.test"


@dataclass
class TestClock:
    """A clock that changes only by `move`."""

    __test__ = False
    seconds: float = field(default_factory=lambda: datetime.now(UTC).timestamp())

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds

    def move(self, span: timedelta | float) -> None:
        """Advance the time."""
        self.seconds += span.total_seconds() if isinstance(span, timedelta) else span


@dataclass
class Notifier:
    """One lane's notifier without Kafka: its events are read from its outbox."""

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
        """Start every due push and wait for its end; returns the number."""
        started = 0
        while count := await self.push_loop.start_due():
            started += count
            await self.pushes_ended()
        return started

    async def pushes_ended(self) -> None:
        """Wait for the pushes in progress."""
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
        """A metric's value; 0 if it was never set."""
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
