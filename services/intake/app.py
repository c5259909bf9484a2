"""The only file of intake that makes objects."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from services.intake.admission import Admission
from services.intake.channels import Channels, load_channels
from services.intake.handlers import (
    CALLS,
    RECEIVES,
    REPORTS,
    SENDS,
    ChannelRecords,
    DepartmentRecords,
    answers_of,
    parse_answer,
)
from services.intake.http import IntakeApi
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
from shared.messaging.ack_rule import AckRule, no_fallback
from shared.messaging.asyncapi import asyncapi_json
from shared.messaging.cluster_check import ClusterCheck
from shared.messaging.consuming import Consumption
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.relay import Relay
from shared.messaging.subscribing import Subscription, make_broker, subscribe
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
    admission = Admission(parts.settings.reports_in_hand, default_taxonomy())
    parts.metrics.in_hand.set_function(lambda: admission.in_hand)
    api = IntakeApi(
        parts.registration,
        parts.channels,
        default_taxonomy(),
        parts.metrics,
        admission=admission,
        body_timeout=parts.settings.body_timeout,
    )
    openapi = JSONResponse(openapi_of(TITLE, *api.operations()))

    async def openapi_document(_request: Request) -> JSONResponse:
        return openapi

    return [
        *(Route(one.path, one.endpoint, methods=["POST"]) for one in api.operations()),
        Route("/openapi.json", openapi_document),
        *ops_routes(parts.health, parts.registry, partial(asyncapi_json, TITLE, "intake", RECEIVES, SENDS)),
        *docs_routes("/openapi.json", TITLE),
    ]


def build_rules(
    parts: Parts, producer: EventProducer, halt: Callable[[str, str], None]
) -> list[tuple[Subscription, AckRule[Any]]]:
    """Each subscription with its ack rule; ``halt`` is given the group and the reason."""
    records = ChannelRecords(parts.registration, parts.channels, default_taxonomy(), parts.metrics)

    def rule(group: str, parse: Any, handle: Any, fallback: Any = no_fallback) -> AckRule[Any]:
        return AckRule(
            group=group,
            parse=parse,
            handle=handle,
            producer=producer,
            dead_letters=DeadLetters(producer, service="intake", lane=None, group=group, metrics=parts.messaging),
            metrics=parts.messaging,
            stopping=parts.stopping,
            halt=partial(halt, group),
            fallback=fallback,
        )

    answers = answers_of(list(default_taxonomy().opds))
    departments = DepartmentRecords(parts.updates)
    return [
        (CALLS, rule(CALLS.group, records.parse, records.register_reports, records.fallback)),
        (REPORTS, rule(REPORTS.group, records.parse, records.register_reports)),
        (answers, rule(answers.group, parse_answer, departments.record_answers)),
    ]


@asynccontextmanager
async def _working(parts: Parts) -> AsyncIterator[None]:
    consumption = _build_consumption(parts)
    parts.health.add("kafka", consumption.check)
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
                consumption.run,
            ],
            # the spools last: consumers still commit what they have in hand
            stop=[consumption.stop, *(spool.close for spool in spools)],
        ):
            yield
    finally:
        for file in parts.files.values():
            await file.close()


def _build_consumption(parts: Parts) -> Consumption:
    settings = parts.settings
    producer = _build_producer(parts)
    broker = make_broker(settings)
    stops: set[asyncio.Task[None]] = set()  # asyncio itself keeps no hold of its tasks

    def halt(group: str, reason: str) -> None:
        parts.health.halt(reason)
        stops.add(asyncio.create_task(consumption.stop_group(group)))

    subscribers = [
        subscribe(broker, subscription, rule, settings=settings)
        for subscription, rule in build_rules(parts, producer, halt)
    ]
    consumption = Consumption(broker, producer, subscribers, parts.messaging)
    return consumption


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
