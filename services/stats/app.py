"""The only file of stats that makes objects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.stats.board.feed import LiveFeed
from services.stats.board.pages import Board, board_routes
from services.stats.counting import AccountWatch, FactCounting
from services.stats.facts import FACT_MODELS
from services.stats.handlers import FACTS, GROUP, RECEIVES, SENDS, Handlers
from services.stats.http import StatsApi, api_routes
from services.stats.metrics import StatsMetrics
from services.stats.queries import StatsQueries
from services.stats.settings import StatsSettings
from services.stats.store import StatsStore
from shared import VERSION
from shared.db.engine import check_database, make_engine
from shared.domain.taxonomy import default_taxonomy
from shared.http.apidocs import docs_routes
from shared.http.conventions import apply_conventions
from shared.http.metrics import HttpMetrics, MeasureHttp
from shared.http.ops import ops_routes
from shared.http.validation import of_invalid_request
from shared.messaging.ack_rule import AckRule
from shared.messaging.asyncapi import asyncapi_json
from shared.messaging.cluster_check import ClusterCheck
from shared.messaging.consuming import Consumption
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.received import event_parser
from shared.messaging.subscribing import make_broker, subscribe
from shared.observability.metrics import MessagingMetrics, make_registry
from shared.process.background import background_tasks
from shared.process.health import Health

TITLE = "LAKSA stats"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process is made of."""

    settings: StatsSettings
    registry: CollectorRegistry
    engine: AsyncEngine
    queries: StatsQueries
    store: StatsStore
    metrics: StatsMetrics
    health: Health
    board: Board
    feed: LiveFeed
    stopping: asyncio.Event


def build_app(settings: StatsSettings) -> FastAPI:
    """One stats process; its connections open in the lifespan. ``app.state.feed`` ends the live streams."""
    parts = _make_parts(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with _working(parts):
            yield
        await parts.engine.dispose()

    app = FastAPI(title=TITLE, version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(api_routes(StatsApi(parts.queries, default_taxonomy())))
    app.router.routes.extend(docs_routes("/openapi.json", TITLE))
    app.router.routes.extend(
        ops_routes(parts.health, parts.registry, lambda: asyncapi_json(TITLE, "stats", RECEIVES, SENDS))
    )
    app.router.routes.extend(board_routes(parts.board, parts.feed))
    app.add_middleware(MeasureHttp, metrics=HttpMetrics(parts.registry))
    apply_conventions(app, page=parts.board.notice, problems={RequestValidationError: of_invalid_request})
    app.state.feed = parts.feed
    return app


def build_store(settings: StatsSettings) -> StatsStore:
    """Only the store, for work on the database while no service runs."""
    return StatsStore(make_engine(settings.database_url), default_taxonomy())


def _make_parts(settings: StatsSettings) -> Parts:
    registry = make_registry()
    engine = make_engine(settings.database_url, pool_size=settings.database_pool_size)
    queries = StatsQueries(engine)
    metrics = StatsMetrics(registry)
    health = Health()
    board = Board(queries, default_taxonomy(), health)
    return Parts(
        settings=settings,
        registry=registry,
        engine=engine,
        queries=queries,
        store=StatsStore(engine, default_taxonomy()),
        metrics=metrics,
        health=health,
        board=board,
        feed=LiveFeed(queries, board.live, metrics),
        stopping=asyncio.Event(),
    )


@asynccontextmanager
async def _working(parts: Parts) -> AsyncIterator[None]:
    counting = FactCounting(parts.store, parts.metrics)
    consumption = _make_consumption(parts, counting)
    watch = AccountWatch(parts.queries, parts.metrics)

    async def work(stopping: asyncio.Event) -> None:
        await counting.prepare(stopping)  # nothing else looks at tables that may not be there yet
        async with asyncio.TaskGroup() as group:
            for run in (consumption.run, watch.run, parts.feed.run):
                group.create_task(run(stopping))

    parts.health.add("kafka", consumption.check)
    parts.health.add("database", lambda: check_database(parts.engine))
    async with background_tasks(parts.stopping, tasks=[work], stop=[parts.feed.close, consumption.stop]):
        yield


def _make_consumption(parts: Parts, counting: FactCounting) -> Consumption:
    settings = parts.settings
    messaging = MessagingMetrics(parts.registry)
    producer = EventProducer(
        lambda: make_client(settings.kafka),
        deadline=settings.publish_deadline,
        metrics=messaging,
        preflight=ClusterCheck(settings.kafka, (*RECEIVES, *SENDS)).check,
    )
    broker = make_broker(settings)
    rule = AckRule(
        group=GROUP,
        parse=event_parser(FACT_MODELS),
        handle=Handlers(counting).count_facts,
        producer=producer,
        dead_letters=DeadLetters(producer, service="stats", lane=None, group=GROUP, metrics=messaging),
        metrics=messaging,
        stopping=parts.stopping,
        halt=parts.health.halt,
    )
    return Consumption(broker, producer, [subscribe(broker, FACTS, rule, settings=settings)], messaging)
