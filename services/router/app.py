"""The only file of the router that makes objects."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from services.router.handlers import RECEIVES, SENDS, consumer_rows
from services.router.metrics import RouterMetrics
from services.router.routing import Routing
from services.router.routing_table import PACKAGED, load_routing_table
from services.router.settings import RouterSettings
from services.router.undecided import WaitingReports
from shared.domain.taxonomy import default_taxonomy
from shared.events import groups
from shared.http.conventions import apply_conventions
from shared.http.ops import ops_routes
from shared.messaging.asyncapi import asyncapi_json
from shared.messaging.cluster_check import ClusterCheck
from shared.messaging.consumer import Consumer
from shared.messaging.producer import EventProducer, make_client
from shared.observability.metrics import MessagingMetrics, make_registry
from shared.process.background import background_tasks
from shared.process.health import Health


def build_app(settings: RouterSettings) -> Starlette:
    """The router of one lane: consumes during the app's lifespan and serves the ops routes.

    Raises:
        RoutingTableError: the routing table cannot be used; every fault is listed.
    """
    registry = make_registry()
    health = Health()
    stopping = asyncio.Event()
    metrics = MessagingMetrics(registry)
    producer = _build_producer(settings, metrics)
    consumer = build_consumer(settings, producer, registry, metrics, health=health, stopping=stopping)
    document = partial(asyncapi_json, f"LAKSA router, {settings.lane} lane", "router", RECEIVES, SENDS)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        gc.freeze()  # objects loaded at start live as long as the process; later collections skip them
        async with background_tasks(stopping, tasks=[consumer.run], stop=[consumer.stop]):
            yield

    app = Starlette(routes=ops_routes(health, registry, document), lifespan=lifespan)
    apply_conventions(app)
    return app


def build_consumer(
    settings: RouterSettings,
    producer: EventProducer,
    registry: CollectorRegistry,
    metrics: MessagingMetrics,
    *,
    health: Health,
    stopping: asyncio.Event,
) -> Consumer:
    """The consumer of one lane and its use case; everything that it publishes goes through ``producer``.

    Raises:
        RoutingTableError: the routing table cannot be used; every fault is listed.
    """
    lane = settings.lane
    waiting = WaitingReports(lambda partition: consumer.end_of(groups.router(lane), partition))
    router_metrics = RouterMetrics(registry, lane)
    router_metrics.watch(waiting.oldest_seconds)
    routing = Routing(load_routing_table(settings.routing_table or PACKAGED, default_taxonomy()), lane, router_metrics)
    consumer = Consumer(
        consumer_rows(lane, routing, waiting),
        service="router",
        lane=lane,
        settings=settings,
        producer=producer,
        metrics=metrics,
        health=health,
        stopping=stopping,
    )
    return consumer


def _build_producer(settings: RouterSettings, metrics: MessagingMetrics) -> EventProducer:
    return EventProducer(
        partial(make_client, settings.kafka),
        deadline=settings.publish_deadline,
        metrics=metrics,
        preflight=ClusterCheck(settings.kafka, (*RECEIVES, *SENDS)).check,
    )
