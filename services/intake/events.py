"""Intake's events: the full report, and its dimensions for counting without personal data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from services.intake.case_transitions import CaseTransition
from services.intake.submissions import Submission
from shared.domain.identity import event_id, submitted_event_id
from shared.domain.lanes import Channel, Lane, Mode
from shared.events import topics
from shared.events.catalogue import REGISTERED, STATUS_CHANGED, SUBMITTED
from shared.events.envelope import Attributes
from shared.events.models import DepartmentAnswer, Event, ReportRegistered, ReportStatusChanged, ReportSubmitted
from shared.events.outgoing import OutgoingRecord, record_of
from shared.events.unreadable import Unreadable
from shared.observability.tracing import child_of

SOURCE: Final = "/laksa/intake"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt for the channel, and the values that both events share."""

    report_id: UUID
    ticket: str
    status_url: str
    lane: Lane
    flags: tuple[str, ...]


def receipt_json(receipt: Receipt) -> bytes:
    """The body of a 202."""
    return orjson.dumps(
        {
            "report_id": str(receipt.report_id),
            "ticket": receipt.ticket,
            "status_url": receipt.status_url,
            "flags": receipt.flags,
        }
    )


def report_records(
    submission: Submission, receipt: Receipt, *, channel: Channel, received_at: datetime, traceparent: str
) -> list[OutgoingRecord]:
    """``report.submitted`` for the lane's router, and ``report.registered`` for the counts.

    Both events use the span of ``traceparent``.
    """
    subject = str(receipt.report_id)
    submitted_id = submitted_event_id(receipt.report_id, submission.digest)
    extensions = {"lane": receipt.lane.value, "mode": submission.mode.value}
    if submission.category:
        extensions["category"] = submission.category.code

    def record(topic: str, identity: UUID, kind: str, event: Event) -> OutgoingRecord:
        attributes = Attributes(
            id=str(identity),
            type=kind,
            source=SOURCE,
            subject=subject,
            time=received_at,
            extensions=extensions,
            traceparent=traceparent,
            correlation_id=subject,
        )
        return record_of(topic, attributes, event)

    submitted = _submitted(submission, receipt, channel, received_at)
    registered = _registered(submission, receipt, channel, received_at)
    return [
        record(topics.reports(receipt.lane), submitted_id, SUBMITTED, submitted),
        record(topics.LIFECYCLE, event_id(submitted_id, "report.registered"), REGISTERED, registered),
    ]


def _submitted(submission: Submission, receipt: Receipt, channel: Channel, received_at: datetime) -> ReportSubmitted:
    return ReportSubmitted(
        report_id=receipt.report_id,
        ticket=receipt.ticket,
        channel=channel,
        lane=receipt.lane,
        mode=submission.mode,
        category=submission.category_text,
        text=submission.text,
        place=submission.place,
        reporter=submission.reporter,
        call=submission.call,
        source_reference=submission.source_reference,
        occurred_at=submission.occurred_at,
        received_at=received_at,
        flags=receipt.flags,
    )


def _registered(submission: Submission, receipt: Receipt, channel: Channel, received_at: datetime) -> ReportRegistered:
    # an unknown code is free text and may hold personal data: it must not reach a topic that is kept forever
    return ReportRegistered(
        report_id=receipt.report_id,
        ticket=receipt.ticket,
        channel=channel,
        lane=receipt.lane,
        mode=submission.mode,
        category=submission.category.code if submission.category else None,
        kecamatan=submission.place.kecamatan if submission.place else None,
        call_type=submission.call.call_type if submission.call else None,
        occurred_at=submission.occurred_at or received_at,
        received_at=received_at,
        flags=receipt.flags,
    )


def unreadable_record(body: bytes, *, identity: UUID, received_at: datetime, traceparent: str | None) -> OutgoingRecord:
    """The raw bytes of a 112 call that nobody can parse, for the supervisor."""
    unreadable = Unreadable(
        event_id=str(identity),
        source=SOURCE,
        subject=str(identity),
        time=received_at,
        traceparent=child_of(traceparent),
    )
    return unreadable.record_on(topics.reports(Lane.EMERGENCY), body)


def status_records(
    answer: DepartmentAnswer, opd: str, step: CaseTransition, *, lane: Lane, mode: Mode, traceparent: str
) -> list[OutgoingRecord]:
    """``report.status_changed``: in full for the notifier; for the counts without the note and the person's name."""
    changed = ReportStatusChanged(
        report_id=answer.report_id,
        opd=opd,
        lane=lane,
        from_status=step.from_status,
        to_status=step.to_status,
        by=answer.by,
        at=step.at,
        recorded_at=step.recorded_at,
        seq=step.seq,
        note=answer.note,
    )
    attributes = Attributes(
        id=str(event_id(answer.report_id, "report.status_changed", opd, step.seq)),
        type=STATUS_CHANGED,
        source=SOURCE,
        subject=str(answer.report_id),
        time=step.recorded_at,
        extensions={"lane": lane.value, "opd": opd, "mode": mode.value},
        traceparent=child_of(traceparent),
        correlation_id=str(answer.report_id),
    )
    without_people = changed.model_copy(update={"by": opd, "note": None})
    return [
        record_of(topics.UPDATES, attributes, changed),
        record_of(topics.LIFECYCLE, attributes, without_people),
    ]
