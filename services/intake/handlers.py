"""Intake's map: what it reads, who handles it, what it writes.

POST /v1/reports, /v1/calls  → http.IntakeApi      → spool → reports.<lane>.v1, lifecycle.v1
channels.112.v1              → register_reports, one by one → the same
channels.<name>.v1           → register_reports, in batches → the same
departments.<opd>.v1         → record_answers,   in batches → spool → reports.updates.v1, lifecycle.v1

Handlers return no records: what follows is in the spool, and the relays publish it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from services.intake.api_keys import Channels
from services.intake.bodies import CallBody, ReportBody
from services.intake.events import unreadable_record
from services.intake.metrics import UNKNOWN, IntakeMetrics
from services.intake.registration import Origin, Registration
from services.intake.submissions import Submission
from services.intake.updates import CaseUpdates, DepartmentUpdate
from services.intake.validation import MAX_BODY_BYTES, Rejected, read_call, read_report
from shared.domain.identity import event_id
from shared.domain.lanes import Channel
from shared.domain.taxonomy import Taxonomy
from shared.domain.texts import strip_controls
from shared.errors import InvalidEvent, PermanentError, RecordTooLarge, UnreadableBody
from shared.events import groups, topics
from shared.events.catalogue import REGISTERED, STATUS_CHANGED, SUBMITTED, UNREADABLE
from shared.events.envelope import text_headers
from shared.events.models import DepartmentAnswer
from shared.events.outgoing import OutgoingRecord
from shared.messaging.asyncapi import DEAD_LETTER, DEPARTMENT_ANSWER, Message, Operation
from shared.messaging.consumer import ConsumerRow
from shared.messaging.received import Record
from shared.messaging.subscribing import Subscription
from shared.observability.tracing import child_of

REPORT = Message("channel.report", "A citizen report, as for POST /v1/reports", ReportBody)
CALL = Message("channel.call", "A 112 call, as for POST /v1/calls", CallBody)

RECEIVES = (
    Operation("channels.{channel}.v1", (REPORT, CALL), "Reports of a channel; calls on channels.112.v1 only"),
    Operation("departments.{opd}.v1", (DEPARTMENT_ANSWER,), "What departments answer"),
)
SENDS = (
    Operation("reports.{lane}.v1", (SUBMITTED, UNREADABLE), "Accepted reports, and calls that nobody could parse"),
    Operation(topics.UPDATES, (STATUS_CHANGED,), "What departments said, with their notes"),
    Operation(topics.LIFECYCLE, (REGISTERED, STATUS_CHANGED), "What is counted, free of personal data"),
    Operation("intake.dlq.v1", (DEAD_LETTER,), "What can never be accepted"),
)

MAX_SEQ = 2**31 - 1  # what any database's integer holds
BY_CHARACTERS = 200
NOTE_CHARACTERS = 8_000
YEARS = range(2000, 2200)  # outside of these a sum with an offset or a tolerance may leave the calendar


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """A report that came by a channel's own topic."""

    submission: Submission
    origin: Origin


class ChannelRecords:
    """Reads and registers what channels write on their topics, by the same rules as over HTTP."""

    def __init__(
        self, registration: Registration, channels: Channels, taxonomy: Taxonomy, metrics: IntakeMetrics
    ) -> None:
        self._registration = registration
        self._channels = channels
        self._taxonomy = taxonomy
        self._metrics = metrics

    def parse(self, record: Record) -> ChannelReport:
        """Read one record.

        Raises:
            RecordTooLarge, UnreadableBody, InvalidEvent: as 413, 400 and 422 over HTTP.
        """
        channel = Channel(record.topic.split(".")[1])
        is_call = channel is Channel.CALL_112
        body = record.value or b""
        now = self._registration.now()
        if len(body) > MAX_BODY_BYTES:
            raise self._refused(channel, "too_large", RecordTooLarge("The body is larger than 64 KiB"))
        read = read_call if is_call else read_report
        submission = read(body, now=now, taxonomy=self._taxonomy)
        if isinstance(submission, Rejected):
            malformed = submission.code == "malformed"
            error = UnreadableBody("Not JSON") if malformed else InvalidEvent("Fields cannot be used")
            raise self._refused(channel, submission.code, error)
        origin = Origin(
            sender=self._channels.of_topic(channel),
            received_at=now,
            traceparent=child_of(text_headers(record.headers).get("traceparent")),
            lenient=is_call,
            kafka_position=(record.topic, record.partition, record.offset),
        )
        return ChannelReport(submission, origin)

    async def register_reports(self, received: Sequence[ChannelReport]) -> Sequence[OutgoingRecord]:
        """Register them together, so that one commit serves all; the offsets move once they are on disk."""
        await asyncio.gather(*(self._registration.register(report.submission, report.origin) for report in received))
        return ()

    def fallback(self, record: Record, _error: PermanentError) -> Sequence[OutgoingRecord]:
        """A 112 call that cannot be accepted is still an emergency: its bytes go to the supervisor."""
        identity = event_id(f"{record.topic}/{record.partition}/{record.offset}", "report.unreadable")
        return [
            unreadable_record(
                record.value or b"",
                identity=identity,
                received_at=self._registration.now(),
                traceparent=text_headers(record.headers).get("traceparent"),
            )
        ]

    def _refused(self, channel: Channel, code: str, error: PermanentError) -> PermanentError:
        self._metrics.received.labels(channel, UNKNOWN, code).inc()
        return error


class DepartmentRecords:
    """Reads and records what departments answer."""

    def __init__(self, updates: CaseUpdates) -> None:
        self._updates = updates

    async def record_answers(self, received: Sequence[DepartmentUpdate]) -> Sequence[OutgoingRecord]:
        """Record them in their order: the workflow depends on it."""
        for answer in received:
            await self._updates.record(answer)
        return ()


def parse_answer(record: Record) -> DepartmentUpdate:
    """Read one answer.

    Raises:
        RecordTooLarge, UnreadableBody, InvalidEvent: nothing that the case workflow could look at.
    """
    body = record.value or b""
    if len(body) > MAX_BODY_BYTES:
        raise RecordTooLarge("The body is larger than 64 KiB")
    try:
        content = DepartmentAnswer.model_validate_json(body)
    except ValidationError as error:
        if any(fault["type"] == "json_invalid" for fault in error.errors(include_url=False, include_input=False)):
            raise UnreadableBody("Not JSON") from None
        raise InvalidEvent("Fields cannot be used") from None
    if content.seq > MAX_SEQ or content.at.year not in YEARS:
        raise InvalidEvent("The seq or the time is out of range")
    traceparent = child_of(text_headers(record.headers).get("traceparent"))
    return DepartmentUpdate(topics.opd_of(record.topic), _clean(content), traceparent)


def _clean(answer: DepartmentAnswer) -> DepartmentAnswer:
    by, _ = strip_controls(answer.by)
    note, _ = strip_controls(answer.note or "")
    return answer.model_copy(update={"by": by[:BY_CHARACTERS], "note": note[:NOTE_CHARACTERS] or None})


def consumer_rows(
    records: ChannelRecords, departments: DepartmentRecords, opds: Iterable[str]
) -> Sequence[ConsumerRow[Any]]:
    """What intake reads. Calls and answers have groups of their own: no channel's flood delays them."""
    return (
        ConsumerRow(
            Subscription(
                group=groups.CALLS, topics=[topics.channel(Channel.CALL_112)], title="112 calls, straight from Kafka"
            ),
            parse=records.parse,
            handle=records.register_reports,
            fallback=records.fallback,
        ),
        ConsumerRow(
            Subscription(
                group=groups.REPORTS,
                topics=[topics.channel(name) for name in Channel if name is not Channel.CALL_112],
                batch=True,
                title="Reports of the other channels, straight from Kafka",
            ),
            parse=records.parse,
            handle=records.register_reports,
        ),
        ConsumerRow(
            Subscription(
                group=groups.ANSWERS,
                topics=[topics.department(code) for code in opds],
                batch=True,
                title="Answers of the departments",
            ),
            parse=parse_answer,
            handle=departments.record_answers,
        ),
    )
