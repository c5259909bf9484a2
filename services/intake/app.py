"""The only file of intake that makes objects."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from services.intake.api_keys import Channels, load_channels
from services.intake.handlers import RECEIVES, SENDS, ChannelRecords, DepartmentRecords, consumer_rows
from services.intake.http import IntakeApi
from services.intake.load_shedder import LoadShedder
from services.intake.metrics import IntakeMetrics
from services.intake.openapi import openapi_of
from services.intake.registration import Registration
from services.intake.settings import IntakeSettings
from services.intake.spool import Spool
from services.intake.spool_file import SpoolFile
from services.intake.updates import CaseUpdates
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.http.apidocs import docs_routes
from shared.http.conventions import apply_conventions
from shared.http.metrics import HttpMetrics, MeasureHttp
from shared.http.ops import ops_routes
from shared.messaging.asyncapi import asyncapi_json
from shared.messaging.cluster_check import ClusterCheck
from shared.messaging.consumer import Consumer
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.relay import Relay
from shared.observability.metrics import MessagingMetrics, make_registry
from shared.process.background import Background, background_tasks
from shared.process.health import Health

TITLE = "LAKSA intake"
GATHER: Mapping[Lane, timedelta] = {Lane.EMERGENCY: timedelta(0), Lane.ROUTINE: timedelta(milliseconds=50)}

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process is made of."""

    settings: IntakeSettings
    registry: CollectorRegistry
    messaging: MessagingMetrics
    metrics: IntakeMetrics
    channels: Channels
    files: Mapping[Lane, SpoolFile]
    spools: Mapping[Lane, Spool]
    registration: Registration
    updates: CaseUpdates
    health: Health
    cluster_check: ClusterCheck
    stopping: asyncio.Event


def utc_now() -> datetime:
    """The server's clock: what received_at and all deadlines are counted from."""
    return datetime.now(UTC)


def build_app(settings: IntakeSettings, *, now: Clock = utc_now) -> Starlette:
    """The intake process. It accepts as soon as its spool is open, whether Kafka is there or not.

    Raises:
        ConfigurationError: the channels file cannot be used.
    """
    return build_http(build_parts(settings, now=now))


def build_parts(settings: IntakeSettings, *, now: Clock = utc_now) -> Parts:
    """All that the process is made of; nothing is opened or connected yet.

    Raises:
        ConfigurationError: the channels file cannot be used.
    """
    registry = make_registry()
    metrics = IntakeMetrics(registry)
    files = {lane: SpoolFile(settings.spool_directory, lane) for lane in Lane}
    other = {Lane.EMERGENCY: Lane.ROUTINE, Lane.ROUTINE: Lane.EMERGENCY}
    spools = {
        lane: Spool(file, files[other[lane]], limit_bytes=settings.spool_limit, metrics=metrics)
        for lane, file in files.items()
    }
    return Parts(
        settings=settings,
        registry=registry,
        messaging=MessagingMetrics(registry),
        metrics=metrics,
        channels=load_channels(settings.channels_file),
        files=files,
        spools=spools,
        registration=Registration(spools, stats_url=settings.stats_url, now=now, metrics=metrics),
        updates=CaseUpdates(list(files.values()), now=now, metrics=metrics),
        health=Health(),
        cluster_check=ClusterCheck(settings.kafka, (*RECEIVES, *SENDS)),
        stopping=asyncio.Event(),
    )


def build_http(parts: Parts) -> Starlette:
    """The ASGI application; everything opens and closes with its lifespan."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        gc.freeze()  # what is loaded by now stays; no collection needs to walk it again
        async with _working(parts):
            yield

    app = Starlette(routes=_build_routes(parts), lifespan=lifespan)
    app.add_middleware(MeasureHttp, metrics=HttpMetrics(parts.registry))
    apply_conventions(app)
    return app


def _build_routes(parts: Parts) -> list[BaseRoute]:
    load_shedder = LoadShedder(parts.settings.reports_in_hand, default_taxonomy())
    parts.metrics.in_hand.set_function(lambda: load_shedder.in_hand)
    api = IntakeApi(
        parts.registration,
        parts.channels,
        default_taxonomy(),
        parts.metrics,
        load_shedder=load_shedder,
        body_timeout=parts.settings.body_timeout,
    )
    openapi = JSONResponse(openapi_of(TITLE, *api.operations()))

    async def openapi_document(_request: Request) -> JSONResponse:
        return openapi

    return [
        *(Route(operation.path, operation.endpoint, methods=["POST"]) for operation in api.operations()),
        Route("/openapi.json", openapi_document),
        *ops_routes(parts.health, parts.registry, partial(asyncapi_json, TITLE, "intake", RECEIVES, SENDS)),
        *docs_routes("/openapi.json", TITLE),
    ]


@asynccontextmanager
async def _working(parts: Parts) -> AsyncIterator[None]:
    consumer = _build_consumer(parts)
    for lane, file in parts.files.items():
        parts.health.add(f"database_{lane}", file.check)
        await file.open()
    spools = parts.spools.values()
    try:
        async with background_tasks(
            parts.stopping,
            tasks=[
                *(spool.run for spool in spools),
                *(spool.watch for spool in spools),
                *(_build_relay(parts, lane) for lane in Lane),
                consumer.run,
            ],
            # the spools last: consumers still commit what they have in hand
            stop=[consumer.stop, *(spool.close for spool in spools)],
        ):
            yield
    finally:
        for file in parts.files.values():
            await file.close()


def _build_consumer(parts: Parts) -> Consumer:
    taxonomy = default_taxonomy()
    return Consumer(
        consumer_rows(
            ChannelRecords(parts.registration, parts.channels, taxonomy, parts.metrics),
            DepartmentRecords(parts.updates),
            taxonomy.opds,
        ),
        service="intake",
        lane=None,
        settings=parts.settings,
        producer=_build_producer(parts),
        metrics=parts.messaging,
        health=parts.health,
        stopping=parts.stopping,
    )


def _build_relay(parts: Parts, lane: Lane) -> Background:
    """The loop that empties a lane's spool, through a producer of its own."""
    producer = _build_producer(parts)
    relay = Relay(parts.files[lane].outbox, producer, lane=lane, metrics=parts.messaging, gather=GATHER[lane])

    async def run(stopping: asyncio.Event) -> None:
        try:
            await relay.run(stopping)
        finally:
            await producer.stop()

    return run


def _build_producer(parts: Parts) -> EventProducer:
    return EventProducer(
        partial(make_client, parts.settings.kafka),
        deadline=parts.settings.publish_deadline,
        metrics=parts.messaging,
        preflight=parts.cluster_check.check,
    )
