"""The only file of the router that makes objects."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from aiokafka import TopicPartition
from faststream.kafka.subscriber.usecase import LogicSubscriber
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from services.router.handlers import RECEIVES, SENDS, WatchedRule, report_parser, subscription
from services.router.metrics import Place, RouterMetrics, WaitingReports
from services.router.routing import Incoming, Routing
from services.router.routing_table import PACKAGED, load_routing_table
from services.router.settings import RouterSettings
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.http.conventions import apply_conventions
from shared.http.ops import ops_routes
from shared.messaging.ack_rule import AckRule, no_fallback
from shared.messaging.asyncapi import asyncapi_json
from shared.messaging.cluster_check import ClusterCheck
from shared.messaging.consuming import Consumption
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.producer import EventProducer, make_client
from shared.messaging.subscribing import make_broker, subscribe
from shared.observability.metrics import MessagingMetrics, make_registry
from shared.process.background import background_tasks
from shared.process.health import Health


def build_app(settings: RouterSettings) -> Starlette:
    """The router of one lane: consumes while the app's lifespan lasts, answers ops over HTTP.

    Raises:
        RoutingTableError: the routing table cannot be used; every fault is listed.
    """
    registry = make_registry()
    health = Health()
    stopping = asyncio.Event()
    consumption = _build_consumption(settings, registry, health, stopping)
    health.add("kafka", consumption.check)
    document = partial(asyncapi_json, f"LAKSA router, {settings.lane} lane", "router", RECEIVES, SENDS)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        gc.freeze()  # what is loaded by now stays; no collection needs to walk it again
        async with background_tasks(stopping, tasks=[consumption.run], stop=[consumption.stop]):
            yield

    app = Starlette(routes=ops_routes(health, registry, document), lifespan=lifespan)
    apply_conventions(app)
    return app


def build_rule(
    settings: RouterSettings,
    producer: EventProducer,
    registry: CollectorRegistry,
    metrics: MessagingMetrics,
    *,
    stopping: asyncio.Event,
    halt: Callable[[str], None],
    waiting: WaitingReports,
) -> WatchedRule:
    """The ack rule of one lane, round the use case; all it touches is the producer.

    Raises:
        RoutingTableError: the routing table cannot be used; every fault is listed.
    """
    lane = settings.lane
    router_metrics = RouterMetrics(registry, lane)
    router_metrics.watch(waiting)
    routing = Routing(load_routing_table(settings.routing_table or PACKAGED, default_taxonomy()), lane, router_metrics)
    group = subscription(lane).group
    rule: AckRule[Incoming] = AckRule(
        group=group,
        parse=report_parser(lane),
        handle=routing.route_reports,
        producer=producer,
        dead_letters=DeadLetters(producer, service="router", lane=lane, group=group, metrics=metrics),
        metrics=metrics,
        stopping=stopping,
        halt=halt,
        fallback=routing.fallback if lane is Lane.EMERGENCY else no_fallback,
    )
    return WatchedRule(rule, waiting)


def _build_consumption(
    settings: RouterSettings, registry: CollectorRegistry, health: Health, stopping: asyncio.Event
) -> Consumption:
    metrics = MessagingMetrics(registry)
    producer = EventProducer(
        partial(make_client, settings.kafka),
        deadline=settings.publish_deadline,
        metrics=metrics,
        preflight=ClusterCheck(settings.kafka, (*RECEIVES, *SENDS)).check,
    )
    reading = subscription(settings.lane)
    stops: set[asyncio.Task[None]] = set()  # asyncio itself keeps no hold of its tasks

    def halt(reason: str) -> None:
        health.halt(reason)
        stops.add(asyncio.create_task(consumption.stop_group(reading.group)))

    waiting = WaitingReports(lambda place: _end_of(subscriber, place))
    rule = build_rule(settings, producer, registry, metrics, stopping=stopping, halt=halt, waiting=waiting)
    broker = make_broker(settings)
    subscriber = subscribe(broker, reading, rule, settings=settings)
    consumption = Consumption(broker, producer, [subscriber], metrics)
    return consumption


def _end_of(subscriber: LogicSubscriber[object], place: Place) -> int | None:
    """Where a partition ends, or None where it is not ours."""
    partition = TopicPartition(*place)
    consumer = subscriber.consumer
    if consumer is None or partition not in consumer.assignment():
        return None
    return consumer.highwater(partition) or 0
