"""The composition root of stats: the only file that makes objects."""

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
from services.stats.handlers import RECEIVES, SENDS, consumer_rows
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
from shared.messaging.asyncapi import asyncapi_json
from shared.messaging.cluster_check import ClusterCheck
from shared.messaging.consumer import Consumer
from shared.messaging.producer import EventProducer, make_client
from shared.observability.metrics import MessagingMetrics, make_registry
from shared.process.background import background_tasks
from shared.process.health import Health

TITLE = "LAKSA stats"


@dataclass(frozen=True, slots=True)
class Parts:
    """The objects of the process."""

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
    """Build one stats process; its connections open in the lifespan. ``app.state.parts`` has its objects."""
    parts = _make_parts(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            async with _working(parts):
                yield
        finally:
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
    app.state.parts = parts
    return app


@asynccontextmanager
async def open_store(settings: StatsSettings) -> AsyncIterator[StatsStore]:
    """Open only the store, for work on the database while no service runs."""
    engine = make_engine(settings.database_url)
    try:
        yield StatsStore(engine, default_taxonomy())
    finally:
        await engine.dispose()


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
    consumer = _make_consumer(parts, counting)
    watch = AccountWatch(parts.queries, parts.metrics)

    async def work(stopping: asyncio.Event) -> None:
        await counting.prepare(stopping)  # no other part queries tables that may not exist yet
        async with asyncio.TaskGroup() as group:
            for run in (consumer.run, watch.run, parts.feed.run):
                group.create_task(run(stopping))

    parts.health.add("database", lambda: check_database(parts.engine))
    async with background_tasks(parts.stopping, tasks=[work], stop=[parts.feed.close, consumer.stop]):
        yield


def _make_consumer(parts: Parts, counting: FactCounting) -> Consumer:
    settings = parts.settings
    metrics = MessagingMetrics(parts.registry)
    producer = EventProducer(
        lambda: make_client(settings.kafka),
        deadline=settings.publish_deadline,
        metrics=metrics,
        preflight=ClusterCheck(settings.kafka, (*RECEIVES, *SENDS)).check,
    )
    return Consumer(
        consumer_rows(counting),
        service="stats",
        lane=None,
        settings=settings,
        producer=producer,
        metrics=metrics,
        health=parts.health,
        stopping=parts.stopping,
    )
