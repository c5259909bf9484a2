"""The router's job in its plainest form, for loops that have nothing else to do."""

from collections.abc import Callable
from datetime import UTC, datetime

from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry

from services.router.handlers import report_parser
from services.router.metrics import RouterMetrics
from services.router.routing import Routing
from services.router.routing_table import PACKAGED, load_routing_table
from services.router.rules import RoutingTable, decide, inputs_of
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events.envelope import Headers
from shared.events.models import ReportDecided, ReportSubmitted
from shared.events.outgoing import OutgoingRecord
from shared.messaging import topics

Job = Callable[[bytes, Headers], list[OutgoingRecord]]


def routing_table() -> RoutingTable:
    """The packaged one."""
    return load_routing_table(PACKAGED, default_taxonomy())


def decided(report: ReportSubmitted, table: RoutingTable) -> ReportDecided:
    """The decision on a report, by the router's own rules."""
    inputs = inputs_of(report)
    decision = decide(inputs, table)
    return ReportDecided(
        report_id=report.report_id,
        lane=Lane.ROUTINE,
        outcome=decision.outcome,
        targets=decision.targets,
        rule=decision.rule,
        table_version=decision.table_version,
        inputs=inputs,
        why=decision.why,
        decided_at=datetime.now(UTC),
    )


def plain_job() -> Job:
    """Parse and check, decide, and the two records: the body as it came, and the decision, with no new headers."""
    table = routing_table()

    def route(body: bytes, headers: Headers) -> list[OutgoingRecord]:
        decision = decided(ReportSubmitted.model_validate_json(body), table)
        key = str(decision.report_id).encode()
        return [
            *(OutgoingRecord(topics.opd(one.opd, Lane.ROUTINE), key, body, headers) for one in decision.targets),
            OutgoingRecord(topics.LIFECYCLE, key, decision.model_dump_json().encode(), headers),
        ]

    return route


async def same_records(routing: Routing, record: ConsumerRecord) -> list[OutgoingRecord]:
    """Byte for byte what the router writes, by its own code."""
    return list(await routing.route_reports([report_parser(Lane.ROUTINE)(record)]))


def own_routing() -> Routing:
    """The router's use case, with nothing round it."""
    return Routing(routing_table(), Lane.ROUTINE, RouterMetrics(CollectorRegistry(), Lane.ROUTINE))
