"""The only place where the notifier's objects are made."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.acknowledgement import Acknowledging
from services.notifier.backlog import BacklogWatch
from services.notifier.clock import Now, steady_clock
from services.notifier.endpoints import Endpoints, load_endpoints
from services.notifier.handlers import RECEIVES, SENDS, consumer_rows
from services.notifier.http import notifier_api
from services.notifier.inbox import Inbox
from services.notifier.metrics import NotifierMetrics
from services.notifier.push_loop import PushLoop
from services.notifier.settings import NotifierSettings
from services.notifier.store import Store
from services.notifier.tables import outbox as outbox_rows
from services.notifier.webhook import WebhookChannel, webhook_session
from shared import VERSION
from shared.db.engine import check_database, make_engine
from shared.db.outbox import Outbox
from shared.domain.taxonomy import default_taxonomy
from shared.errors import DatabaseUnavailable
from shared.http.apidocs import docs_routes
from shared.http.conventions import apply_conventions
from shared.http.metrics import HttpMetrics, MeasureHttp
from shared.http.ops import ops_routes
from shared.http.validation import of_invalid_request
from shared.messaging.asyncapi import asyncapi_json
from shared.messaging.cluster_check import ClusterCheck
from shared.messaging.consumer import Consumer
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.relay import Relay
from shared.observability.logs import logger
from shared.observability.metrics import MessagingMetrics, make_registry
from shared.process.background import background_tasks
from shared.process.health import Health
from shared.process.waiting import wait_or_stop

PREPARE_SECONDS = 1.0

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What several of the process's objects share."""

    settings: NotifierSettings
    registry: CollectorRegistry
    messaging: MessagingMetrics
    metrics: NotifierMetrics
    endpoints: Endpoints
    engine: AsyncEngine
    outbox: Outbox
    store: Store
    health: Health
    stopping: asyncio.Event
    now: Now


def build_app(settings: NotifierSettings, *, now: Now | None = None) -> FastAPI:
    """One notifier process of one lane; all of its connections open in the lifespan.

    Raises:
        ConfigurationError: the endpoints file cannot be read or is not valid.
    """
    parts = _make_parts(settings, now or steady_clock())
    acknowledging = Acknowledging(parts.store, parts.endpoints, parts.metrics, parts.now)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            async with webhook_session() as session:
                push_loop = PushLoop(
                    lane=settings.lane,
                    store=parts.store,
                    endpoints=parts.endpoints,
                    channel=WebhookChannel(session),
                    metrics=parts.metrics,
                    public_url=settings.public_url,
                    now=parts.now,
                )
                async with _working(parts, push_loop):
                    yield
        finally:
            await parts.engine.dispose()

    title = f"LAKSA notifier, {settings.lane} lane"
    app = FastAPI(title=title, version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(notifier_api(settings.lane, acknowledging, parts.endpoints, parts.store))
    app.router.routes.extend(ops_routes(parts.health, parts.registry, _asyncapi(title)))
    app.router.routes.extend(docs_routes(app.openapi_url, title))
    app.add_middleware(MeasureHttp, metrics=HttpMetrics(parts.registry))
    apply_conventions(app, problems={RequestValidationError: of_invalid_request})
    return app


def _make_parts(settings: NotifierSettings, now: Now) -> Parts:
    registry = make_registry()
    # one connection to SQLite: its users queue in order instead of polling for the file's lock
    engine = make_engine(settings.database_url, pool_size=1 if settings.database_url.startswith("sqlite") else 10)
    outbox = Outbox(engine, outbox_rows)
    return Parts(
        settings=settings,
        registry=registry,
        messaging=MessagingMetrics(registry),
        metrics=NotifierMetrics(registry),
        endpoints=load_endpoints(settings.endpoints_file, default_taxonomy().opds),
        engine=engine,
        outbox=outbox,
        store=Store(engine, outbox),
        health=Health(),
        stopping=asyncio.Event(),
        now=now,
    )


@asynccontextmanager
async def _working(parts: Parts, push_loop: PushLoop) -> AsyncIterator[None]:
    producer = _make_producer(parts)
    inbox = Inbox(
        lane=parts.settings.lane,
        store=parts.store,
        endpoints=parts.endpoints,
        metrics=parts.metrics,
        now=parts.now,
        wake=push_loop.wake,
    )
    consumer = _make_consumer(parts, producer, inbox)
    relay = Relay(parts.outbox, producer, lane=parts.settings.lane, metrics=parts.messaging)
    watch = BacklogWatch(parts.settings.lane, parts.store, parts.metrics, parts.now)

    async def work(stopping: asyncio.Event) -> None:
        await _prepare(parts.store, stopping)
        async with asyncio.TaskGroup() as group:
            for run in (consumer.run, push_loop.run, relay.run, watch.run):
                group.create_task(run(stopping))

    parts.health.add("database", lambda: check_database(parts.engine))
    async with background_tasks(parts.stopping, tasks=[work], stop=[consumer.stop]):
        yield


def _make_producer(parts: Parts) -> EventProducer:
    settings = parts.settings
    return EventProducer(
        lambda: make_client(settings.kafka),
        deadline=settings.publish_deadline,
        metrics=parts.messaging,
        preflight=ClusterCheck(settings.kafka, (*RECEIVES, *SENDS)).check,
    )


def _make_consumer(parts: Parts, producer: EventProducer, inbox: Inbox) -> Consumer:
    settings = parts.settings
    return Consumer(
        consumer_rows(settings.lane, inbox, default_taxonomy(), stats_url=settings.stats_url),
        service="notifier",
        lane=settings.lane,
        settings=settings,
        producer=producer,
        metrics=parts.messaging,
        health=parts.health,
        stopping=parts.stopping,
    )


async def _prepare(store: Store, stopping: asyncio.Event) -> None:
    """Return once the tables are there. Until then it waits, and the service is not ready."""
    while not stopping.is_set():
        try:
            await store.prepare()
        except DatabaseUnavailable as error:
            log.warning("Waiting for the database", reason=str(error))
            await wait_or_stop(stopping, PREPARE_SECONDS)
        else:
            return


def _asyncapi(title: str) -> Callable[[], str]:
    return lambda: asyncapi_json(title, "notifier", RECEIVES, SENDS)
