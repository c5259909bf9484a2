"""The router's job in its simplest form, for the contenders' loops."""

from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from services.router.metrics import RouterMetrics
from services.router.routing import Routing
from services.router.routing_table import PACKAGED, load_routing_table
from services.router.rules import RoutingTable, decide, inputs_of
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.events.envelope import Headers, attributes_of, text_headers
from shared.events.models import ReportDecided, ReportSubmitted
from shared.events.outgoing import OutgoingRecord
from shared.messaging.received import Received

Job = Callable[[bytes, Headers], list[OutgoingRecord]]


def routing_table() -> RoutingTable:
    """Return the packaged routing table."""
    return load_routing_table(PACKAGED, default_taxonomy())


def decided(report: ReportSubmitted, table: RoutingTable) -> ReportDecided:
    """Return the decision on a report, made by the router's rules."""
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
    """Parse, validate and decide; return the unchanged body and the decision as records without new headers."""
    table = routing_table()

    def route(body: bytes, headers: Headers) -> list[OutgoingRecord]:
        decision = decided(ReportSubmitted.model_validate_json(body), table)
        key = str(decision.report_id).encode()
        return [
            *(OutgoingRecord(topics.opd(target.opd, Lane.ROUTINE), key, body, headers) for target in decision.targets),
            OutgoingRecord(topics.LIFECYCLE, key, decision.model_dump_json().encode(), headers),
        ]

    return route


def same_job() -> Job:
    """Do the same job with the router's code and return the same bytes as the router writes."""
    routing = Routing(routing_table(), Lane.ROUTINE, RouterMetrics(CollectorRegistry(), Lane.ROUTINE))
    topic = topics.reports(Lane.ROUTINE)

    def route(body: bytes, headers: Headers) -> list[OutgoingRecord]:
        report = ReportSubmitted.model_validate_json(body)
        return routing.decide_reports([Received(attributes_of(text_headers(headers)), report, body, topic)])

    return route


def job_of(*, same_records: bool) -> Job:
    """Return ``same_job`` or ``plain_job``."""
    return same_job() if same_records else plain_job()
