"""The only place where the notifier's objects are made."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.acknowledgement import Acknowledging
from services.notifier.assignment import assignment_parser, unreadable_fallback
from services.notifier.channels import WebhookChannel, webhook_session
from services.notifier.clock import Now, steady_clock
from services.notifier.delivery import Sender
from services.notifier.endpoints import Endpoints, load_endpoints
from services.notifier.handlers import RECEIVES, SENDS, Handlers
from services.notifier.http import notifier_api
from services.notifier.metrics import NotifierMetrics
from services.notifier.reception import Reception
from services.notifier.settings import NotifierSettings
from services.notifier.store import Store
from services.notifier.tables import outbox as outbox_rows
from services.notifier.watch import Watch
from shared import VERSION
from shared.db.engine import check_database, make_engine
from shared.db.outbox import Outbox
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.errors import DatabaseUnavailable
from shared.events import topics
from shared.events.catalogue import STATUS_CHANGED
from shared.events.models import ReportStatusChanged
from shared.http.apidocs import docs_routes
from shared.http.conventions import apply_conventions
from shared.http.metrics import HttpMetrics, MeasureHttp
from shared.http.ops import ops_routes
from shared.http.validation import of_invalid_request
from shared.messaging.ack_rule import AckRule, Fallback, Handle, Parse, no_fallback
from shared.messaging.asyncapi import asyncapi_json
from shared.messaging.cluster_check import ClusterCheck
from shared.messaging.consuming import Consumption
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.received import event_parser
from shared.messaging.relay import Relay
from shared.messaging.subscribing import Subscription, make_broker, subscribe
from shared.observability.logs import logger
from shared.observability.metrics import MessagingMetrics, make_registry
from shared.process.background import background_tasks
from shared.process.health import Health
from shared.process.waiting import wait_or_stop

PREPARE_SECONDS = 1.0

T = TypeVar("T")

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
        ConfigurationError: the endpoints file does not do.
    """
    parts = _make_parts(settings, now or steady_clock())
    acknowledging = Acknowledging(parts.store, parts.endpoints, parts.metrics, parts.now)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with webhook_session() as session:
            sender = Sender(
                lane=settings.lane,
                store=parts.store,
                endpoints=parts.endpoints,
                channel=WebhookChannel(session),
                metrics=parts.metrics,
                public_url=settings.public_url,
                now=parts.now,
            )
            async with _working(parts, sender):
                yield
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
async def _working(parts: Parts, sender: Sender) -> AsyncIterator[None]:
    producer = _make_producer(parts)
    reception = Reception(
        lane=parts.settings.lane,
        store=parts.store,
        endpoints=parts.endpoints,
        metrics=parts.metrics,
        now=parts.now,
        wake=sender.wake,
    )
    consumption = _make_consumption(parts, producer, Handlers(reception))
    relay = Relay(parts.outbox, producer, lane=parts.settings.lane, metrics=parts.messaging)
    watch = Watch(parts.settings.lane, parts.store, parts.metrics, parts.now)

    async def work(stopping: asyncio.Event) -> None:
        await _prepare(parts.store, stopping)
        async with asyncio.TaskGroup() as group:
            for run in (consumption.run, sender.run, relay.run, watch.run):
                group.create_task(run(stopping))

    parts.health.add("kafka", consumption.check)
    parts.health.add("database", lambda: check_database(parts.engine))
    async with background_tasks(parts.stopping, tasks=[work], stop=[consumption.stop]):
        yield


def _make_producer(parts: Parts) -> EventProducer:
    settings = parts.settings
    return EventProducer(
        lambda: make_client(settings.kafka),
        deadline=settings.publish_deadline,
        metrics=parts.messaging,
        preflight=ClusterCheck(settings.kafka, (*RECEIVES, *SENDS)).check,
    )


def _make_consumption(parts: Parts, producer: EventProducer, handlers: Handlers) -> Consumption:
    settings, lane = parts.settings, parts.settings.lane
    broker = make_broker(settings)
    parse = assignment_parser(lane, default_taxonomy(), stats_url=settings.stats_url)
    fallback = unreadable_fallback if lane is Lane.EMERGENCY else no_fallback
    assigned = _make_rule(
        parts, producer, f"notifier-{lane}", parse=parse, handle=handlers.take_in_assignments, fallback=fallback
    )
    parse_answer = event_parser({STATUS_CHANGED: ReportStatusChanged})
    answered = _make_rule(parts, producer, f"notifier-{lane}-updates", parse=parse_answer, handle=handlers.note_answers)
    in_batches = lane is Lane.ROUTINE
    subscriptions: list[tuple[Subscription, AckRule[Any]]] = [
        (Subscription(assigned.group, pattern=topics.opd_pattern(lane), batch=in_batches), assigned),
        (Subscription(answered.group, topics=[topics.UPDATES], batch=in_batches), answered),
    ]
    subscribers = [subscribe(broker, subscription, rule, settings=settings) for subscription, rule in subscriptions]
    return Consumption(broker, producer, subscribers, parts.messaging)


def _make_rule(
    parts: Parts,
    producer: EventProducer,
    group: str,
    *,
    parse: Parse[T],
    handle: Handle[T],
    fallback: Fallback = no_fallback,
) -> AckRule[T]:
    lane, metrics = parts.settings.lane, parts.messaging
    return AckRule(
        group=group,
        parse=parse,
        handle=handle,
        producer=producer,
        dead_letters=DeadLetters(producer, service="notifier", lane=lane, group=group, metrics=metrics),
        metrics=metrics,
        stopping=parts.stopping,
        halt=parts.health.halt,
        fallback=fallback,
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
