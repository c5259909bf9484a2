"""The use case: send a report's own bytes to each department in charge, and one decision to the lifecycle topic."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from services.router.metrics import RouterMetrics
from services.router.rules import Decision, RoutingTable, Triaged, category_code, decide, inputs_of
from shared.domain.flags import LOCATION_SUSPECT
from shared.domain.identity import event_id_text, report_id_of
from shared.domain.lanes import CallType, Lane, Mode
from shared.domain.roles import OWNER
from shared.domain.taxonomy import TRIAGE_OPD
from shared.errors import PermanentError
from shared.events import topics
from shared.events.catalogue import ASSIGNED, DECISIONS
from shared.events.envelope import HeaderPattern, text_headers, time_text
from shared.events.models import ReportDecided, ReportSubmitted, utc_text
from shared.events.outgoing import OutgoingRecord
from shared.events.unreadable import Unreadable
from shared.messaging.received import Received, Record
from shared.observability.logs import log_context, logger
from shared.observability.tracing import child_of

SOURCE = "/laksa/router"
# At most, about 6 KB each; 36 categories of 6 channels, with and without a suspect place, are some hundreds.
PLANS = 2_048

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class UnreadableReport:
    """An emergency that intake could not parse; it kept the bytes for a person to read."""

    record: Record


Incoming = Received[ReportSubmitted] | UnreadableReport


def utc_now() -> datetime:
    """The current time, with its time zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Assignment:
    """One target of a plan."""

    opd: str
    topic: str
    headers: HeaderPattern


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that reports with the same decision share; made once, then filled in for each report."""

    decision: Decision
    assigned: Sequence[_Assignment]
    decided: HeaderPattern
    fact: dict[str, Any]

    def fact_of(self, report_id: str, received_at: datetime, decided_at: str) -> bytes:
        """The body of one report's decision, byte for byte as `ReportDecided` would write it."""
        inputs = {**self.fact["inputs"], "received_at": utc_text(received_at)}
        return orjson.dumps({**self.fact, "report_id": report_id, "inputs": inputs, "decided_at": decided_at})

    def is_of_codes(self, report: ReportSubmitted) -> bool:
        """Whether channel, category and mode have the form of codes; a plan for free text fits no other report."""
        inputs = self.fact["inputs"]
        reported = (report.channel, report.category, report.mode)
        return reported == (inputs["channel"], inputs["category"], inputs["mode"])


@dataclass(frozen=True, slots=True)
class _Moment:
    """The time at which a set of reports is decided: as a datetime, as body text and as a header value."""

    at: datetime
    text: str
    header: bytes

    @classmethod
    def of(cls, at: datetime) -> "_Moment":
        return cls(at, utc_text(at), time_text(at).encode())


def _plan_for(report: ReportSubmitted, table: RoutingTable, lane: Lane) -> _Plan:
    inputs = inputs_of(report)
    decision = decide(inputs, table)
    fact = ReportDecided(
        report_id=report.report_id,
        lane=lane,
        mode=inputs.mode,
        outcome=decision.outcome,
        targets=decision.targets,
        rule=decision.rule,
        table_version=decision.table_version,
        inputs=inputs,
        why=decision.why,
        decided_at=report.received_at,
    )
    extensions = {"lane": str(lane), "mode": inputs.mode}
    category = category_code(report.category)
    if category is not None:
        extensions["category"] = category
    why = {"rule": decision.rule, "table": decision.table_version, "why": decision.why}
    return _Plan(
        decision=decision,
        assigned=[
            _Assignment(
                opd=target.opd,
                topic=topics.opd(target.opd, lane),
                headers=HeaderPattern(
                    kind=ASSIGNED,
                    source=SOURCE,
                    extensions={**extensions, "opd": target.opd, "role": target.role, **why},
                ),
            )
            for target in decision.targets
        ],
        decided=HeaderPattern(
            kind=DECISIONS[decision.outcome],
            source=SOURCE,
            extensions={**extensions, "opd": fact.owner} if fact.owner else extensions,
        ),
        fact=fact.model_dump(mode="json"),
    )


class Routing:
    """Routes the reports of one lane.

    Safe to run twice: every id is derived from the submitted event's, and the table version valid at ``received_at``
    decides. Only ``decided_at``, ``ce_time`` and the span in ``traceparent`` depend on when it ran, so a repeat
    differs there; a reader that deduplicates by ``ce_id`` keeps the first.
    """

    def __init__(
        self, table: RoutingTable, lane: Lane, metrics: RouterMetrics, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._table = table
        self._lane = lane
        self._metrics = metrics
        self._now = now
        self._plans: dict[Hashable, _Plan] = {}

    @property
    def remembered_kinds(self) -> int:
        """The number of cached plans; at most `PLANS`."""
        return len(self._plans)

    async def route_reports(self, incoming: Sequence[Incoming]) -> Sequence[OutgoingRecord]:
        """Return one record per target and one decision per report."""
        return self.decide_reports(incoming)

    def decide_reports(self, incoming: Sequence[Incoming]) -> list[OutgoingRecord]:
        """As `route_reports`, for callers without an event loop."""
        moment = _Moment.of(self._now())  # the same for all reports of the batch
        return [record for report in incoming for record in self._records_of(report, moment)]

    def fallback(self, record: Record, error: PermanentError) -> Sequence[OutgoingRecord]:
        """A bad record of the emergency lane is still an emergency: the Live Room gets it besides the dead letter."""
        return [self._raw(record, f"Nobody could read this emergency ({error.code}); a person has to")]

    def _records_of(self, incoming: Incoming, now: _Moment) -> Sequence[OutgoingRecord]:
        if isinstance(incoming, UnreadableReport):
            return [self._raw(incoming.record, "Intake could not read this emergency; a person has to")]
        report, attributes = incoming.event, incoming.attributes
        plan = self._plan_of(report)
        self._metrics.count(plan.decision, (now.at - report.received_at).total_seconds())
        if isinstance(plan.decision, Triaged) and self._lane is Lane.EMERGENCY:
            with log_context(attributes):
                log.warning("An emergency needs the Live Room to find its department", rule=plan.decision.rule)
        report_id, trace = str(report.report_id), child_of(attributes.traceparent).encode()
        key = report_id.encode()
        records = [
            OutgoingRecord(
                topic=assignment.topic,
                key=key,
                # unchanged bytes: serialising again costs 28 % and could drop fields of a newer intake
                value=incoming.body,
                headers=assignment.headers.fill(
                    event_id_text(attributes.id, "report.assigned", assignment.opd), key, now.header, trace
                ),
            )
            for assignment in plan.assigned
        ]
        records.append(
            OutgoingRecord(
                topic=topics.LIFECYCLE,
                key=key,
                value=plan.fact_of(report_id, report.received_at, now.text),
                headers=plan.decided.fill(event_id_text(attributes.id, "report.decided"), key, now.header, trace),
            )
        )
        return records

    def _plan_of(self, report: ReportSubmitted) -> _Plan:
        """The plan for a report, cached by everything that the decision depends on.

        Making a plan for each report costs four times as much.
        """
        key: Hashable = (
            self._table.valid_at(report.received_at).version,
            report.channel,
            report.category,
            report.mode,
            CallType.parse(report.call.call_type) if report.call else None,
            LOCATION_SUSPECT in report.flags,
        )
        plan = self._plans.get(key)
        if plan is None:
            plan = _plan_for(report, self._table, self._lane)
            if plan.is_of_codes(report):
                if len(self._plans) >= PLANS:  # invented categories must not fill the memory
                    self._plans.clear()
                self._plans[key] = plan
        return plan

    def _raw(self, record: Record, why: str) -> OutgoingRecord:
        """The record's bytes as an event for the Live Room's emergency topic. Reads nothing that could fail."""
        self._metrics.unreadable.inc()
        headers = text_headers(record.headers)
        position = (record.topic, record.partition, record.offset)
        report_id = _uuid_text(headers.get("ce_subject")) or str(report_id_of("router", kafka_position=position))
        unreadable = Unreadable(
            event_id=event_id_text(
                headers.get("ce_id") or "/".join(map(str, position)), "report.unreadable", TRIAGE_OPD
            ),
            source=SOURCE,
            subject=report_id,
            time=self._now(),
            traceparent=child_of(headers.get("traceparent")),
            extensions={
                # a drill stays a drill; with any other mode it must reach a person
                "mode": Mode.EXERCISE if headers.get("ce_mode") == Mode.EXERCISE else Mode.LIVE,
                "opd": TRIAGE_OPD,
                "role": OWNER,
                "rule": "unreadable",
                "table": self._table.valid_at(self._now()).version,
                "why": why,
            },
        )
        return unreadable.record_on(topics.opd(TRIAGE_OPD, Lane.EMERGENCY), record.value)


def _uuid_text(text: str | None) -> str | None:
    try:
        return str(UUID(text or ""))
    except ValueError:
        return None
