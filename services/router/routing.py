"""The use case: a report comes in; its own bytes go to each department in charge, one decision to the lifecycle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from services.router.metrics import RouterMetrics
from services.router.rules import Decision, RoutingTable, Triaged, category_code, decide, inputs_of
from shared.domain.identity import event_id, report_id_of
from shared.domain.lanes import Lane, Mode
from shared.domain.taxonomy import TRIAGE_OPD
from shared.errors import PermanentError
from shared.events.catalogue import ASSIGNED, DECISIONS, UNREADABLE
from shared.events.envelope import RAW_CONTENT_TYPE, Attributes, headers_of, text_headers
from shared.events.models import DecisionInputs, ReportDecided, ReportSubmitted, Target
from shared.events.outgoing import OutgoingRecord, record_of
from shared.messaging import topics
from shared.messaging.dead_letters import MAX_VALUE_BYTES
from shared.messaging.received import Received, Record
from shared.observability.logs import log_context, logger
from shared.observability.tracing import child_of

SOURCE = "/laksa/router"

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class UnreadableReport:
    """An emergency whose body nobody could parse: intake kept the bytes, a person has to look at them."""

    record: Record


Incoming = Received[ReportSubmitted] | UnreadableReport


def utc_now() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)


class Routing:
    """Routes the reports of one lane.

    Safe to run twice: every id is derived from the submitted event's, and the table version valid at ``received_at``
    decides. Only ``decided_at``, ``ce_time`` and the span in ``traceparent`` tell when it really ran, so a repeat
    differs there; whoever dedups by ``ce_id`` keeps the first.
    """

    def __init__(
        self, table: RoutingTable, lane: Lane, metrics: RouterMetrics, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._table = table
        self._lane = lane
        self._metrics = metrics
        self._now = now

    async def route_reports(self, incoming: Sequence[Incoming]) -> Sequence[OutgoingRecord]:
        """What follows from reports: one record per target, and one decision per report."""
        return [record for one in incoming for record in self._records_of(one)]

    def rescue(self, record: Record, error: PermanentError) -> Sequence[OutgoingRecord]:
        """A bad record of the emergency lane is an emergency still: besides its dead letter, the Live Room gets it."""
        return [self._raw(record, f"Nobody could read this emergency ({error.code}); a person has to")]

    def _records_of(self, incoming: Incoming) -> Sequence[OutgoingRecord]:
        if isinstance(incoming, UnreadableReport):
            return [self._raw(incoming.record, "Intake could not read this emergency; a person has to")]
        report = incoming.event
        inputs = inputs_of(report)
        decision = decide(inputs, self._table)
        now = self._now()
        self._metrics.count(decision, (now - report.received_at).total_seconds())
        if isinstance(decision, Triaged) and self._lane is Lane.EMERGENCY:
            with log_context(incoming.attributes):
                log.warning("An emergency needs the Live Room to find its department", rule=decision.rule)
        attributes = self._attributes(incoming, inputs, now)
        assigned = [self._assigned(incoming, decision, target, attributes) for target in decision.targets]
        return [*assigned, self._decided(incoming, decision, inputs, attributes)]

    def _attributes(self, incoming: Received[ReportSubmitted], inputs: DecisionInputs, now: datetime) -> Attributes:
        """What all records of one decision share; each adds its own id and type."""
        report_id = str(incoming.event.report_id)
        extensions = {"lane": str(self._lane), "mode": inputs.mode}
        category = category_code(incoming.event.category)
        if category is not None:
            extensions["category"] = category
        return Attributes(
            id="",
            type="",
            source=SOURCE,
            subject=report_id,
            time=now,
            extensions=extensions,
            traceparent=child_of(incoming.attributes.traceparent),
            correlation_id=report_id,
        )

    def _assigned(
        self, incoming: Received[ReportSubmitted], decision: Decision, target: Target, shared: Attributes
    ) -> OutgoingRecord:
        attributes = replace(
            shared,
            id=str(event_id(incoming.attributes.id, "report.assigned", target.opd)),
            type=ASSIGNED,
            extensions={
                **shared.extensions,
                "opd": target.opd,
                "role": target.role,
                "rule": decision.rule,
                "table": decision.table_version,
                "why": decision.why,
            },
        )
        return OutgoingRecord(
            topic=topics.opd(target.opd, self._lane),
            key=shared.subject.encode(),
            value=incoming.body,  # untouched: serialising again costs 28 % and could lose what a newer intake added
            headers=headers_of(attributes),
        )

    def _decided(
        self, incoming: Received[ReportSubmitted], decision: Decision, inputs: DecisionInputs, shared: Attributes
    ) -> OutgoingRecord:
        fact = ReportDecided(
            report_id=incoming.event.report_id,
            lane=self._lane,
            mode=inputs.mode,
            outcome=decision.outcome,
            targets=decision.targets,
            rule=decision.rule,
            table_version=decision.table_version,
            inputs=inputs,
            why=decision.why,
            decided_at=shared.time or self._now(),
        )
        attributes = replace(
            shared,
            id=str(event_id(incoming.attributes.id, "report.decided")),
            type=DECISIONS[decision.outcome],
            extensions={**shared.extensions, "opd": fact.owner} if fact.owner else shared.extensions,
        )
        return record_of(topics.LIFECYCLE, attributes, fact)

    def _raw(self, record: Record, why: str) -> OutgoingRecord:
        """The record's bytes for the Live Room's emergency topic. Reads nothing that could fail."""
        self._metrics.unreadable.inc()
        headers = text_headers(record.headers)
        position = (record.topic, record.partition, record.offset)
        report_id = _uuid_text(headers.get("ce_subject")) or str(report_id_of("router", kafka_position=position))
        attributes = Attributes(
            id=str(event_id(headers.get("ce_id") or "/".join(map(str, position)), "report.unreadable", TRIAGE_OPD)),
            type=UNREADABLE,
            source=SOURCE,
            subject=report_id,
            time=self._now(),
            extensions={
                "lane": str(self._lane),
                # a drill stays one; whatever else it says, it must reach a person
                "mode": Mode.EXERCISE if headers.get("ce_mode") == Mode.EXERCISE else Mode.LIVE,
                "opd": TRIAGE_OPD,
                "role": "owner",
                "rule": "unreadable",
                "table": self._table.valid_at(self._now()).version,
                "why": why,
            },
            traceparent=child_of(headers.get("traceparent")),
            correlation_id=report_id,
            content_type=RAW_CONTENT_TYPE,
        )
        return OutgoingRecord(
            topic=topics.opd(TRIAGE_OPD, Lane.EMERGENCY),
            key=report_id.encode(),
            value=(record.value or b"")[:MAX_VALUE_BYTES],
            headers=headers_of(attributes),
        )


def _uuid_text(text: str | None) -> str | None:
    try:
        return str(UUID(text or ""))
    except ValueError:
        return None
