"""Use case: register each submission exactly once, however often it is sent or read."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.intake.api_keys import AuthenticatedChannel
from services.intake.events import Receipt, receipt_json, report_records, unreadable_record
from services.intake.metrics import IntakeMetrics
from services.intake.spool import Acceptance, Accepted, Entry, Mismatched, RepeatStatus, Spool, Undecided
from services.intake.submissions import Submission
from shared.domain.flags import REFERENCE_REUSED
from shared.domain.identity import event_id, report_id_of, ticket_number
from shared.domain.lanes import Channel, Lane, Mode
from shared.errors import DatabaseUnavailable, IdempotencyMismatch, InvalidEvent, TransientError
from shared.observability.logs import logger
from shared.observability.tracing import trace_id_of

CONCURRENT_WAIT_SECONDS = 1.0

log = logger(__name__)


class ModeForbidden(InvalidEvent):
    """The channel may not send reports of this mode."""


class StillInProgress(TransientError):  # noqa: N818  # named after what happened
    """The same request is in progress and did not finish in time."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a submission, and its identifiers there.

    ``lenient`` is the policy for 112: another body under the same reference is another report. ``kafka_position`` is
    (topic, partition, offset).
    """

    sender: AuthenticatedChannel
    received_at: datetime
    traceparent: str
    lenient: bool
    idempotency_key: str | None = None
    kafka_position: tuple[str, int, int] | None = None
    flags: tuple[str, ...] = ()

    @property
    def channel(self) -> Channel:
        """The channel that sent it."""
        return self.sender.channel

    def name_of(self, source_reference: str | None) -> bytes | None:
        """The name by which a repeat is recognised: reference, else key, else Kafka position; None if there is none."""
        named = [
            ("reference", source_reference),
            ("key", self.idempotency_key),
            ("position", self.kafka_position),
        ]
        best = next(((kind, name) for kind, name in named if name), None)
        # hashed, because a channel may use a phone number as its reference and names are kept longer than reports
        return hashlib.sha256(json.dumps([self.channel, *best]).encode()).digest() if best else None


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer to a request: JSON text, identical for each repeat."""

    answer: bytes
    repeated: bool


class Registration:
    """Registers reports and keeps unreadable calls, in the spool of their lane."""

    def __init__(
        self,
        spools: Mapping[Lane, Spool],
        *,
        stats_url: str,
        now: Callable[[], datetime],
        metrics: IntakeMetrics,
    ) -> None:
        self._spools = spools
        self._stats_url = stats_url
        self.now = now
        self._metrics = metrics
        # in memory only, so that a crash leaves no stale marks
        self._in_progress: dict[bytes, asyncio.Future[tuple[bytes, bytes]]] = {}

    async def register(self, submission: Submission, origin: Origin) -> Registered:
        """Return when the report is on disk; a repeat returns the first answer.

        Raises:
            ModeForbidden: the channel may not send this mode.
            IdempotencyMismatch: the name was used before with another body (never if the origin is lenient).
            StillInProgress: the same name is being registered and did not finish within a second.
            DatabaseUnavailable: the spool is down, too slow, or too full for routine reports.
        """
        if not origin.sender.may_send(submission.mode):
            raise ModeForbidden("The channel has no scope for this mode")
        name = origin.name_of(submission.source_reference)
        if name is None:
            return await self._store(submission, origin, None)
        answer = await self._wait_for_twin(name, submission.digest)
        if answer is not None:
            self._count(origin, submission, "repeated")
            return Registered(answer, repeated=True)
        mark = asyncio.get_running_loop().create_future()
        self._in_progress[name] = mark
        try:
            registered = await self._store(submission, origin, name)
            mark.set_result((submission.digest, registered.answer))
        finally:
            del self._in_progress[name]
            mark.cancel()  # no effect if the result is already set
        return registered

    async def keep_unreadable(self, body: bytes, origin: Origin) -> None:
        """Store an unreadable call: it may be an emergency, so a person must see its bytes.

        Raises:
            DatabaseUnavailable: it was not stored.
        """
        digest = hashlib.sha256(body).digest()
        # the same bytes within the same hour count as a repeat; later they are a new call
        hour = origin.received_at.strftime("%Y-%m-%dT%H")
        identity = event_id(f"{origin.channel}/{digest.hex()}/{hour}", "report.unreadable")
        record = unreadable_record(
            body, identity=identity, received_at=origin.received_at, traceparent=origin.traceparent
        )

        def accept(_standing: RepeatStatus) -> Acceptance:
            return Acceptance(None, Mode.LIVE, b"", [record])

        await self._spools[Lane.EMERGENCY].submit(Entry(None, digest, lenient=True, accept=accept))

    async def _wait_for_twin(self, name: bytes, digest: bytes) -> bytes | None:
        """Wait while the same name is being registered; return its answer if the body is the same."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + CONCURRENT_WAIT_SECONDS
        while (twin := self._in_progress.get(name)) is not None:
            await asyncio.wait({twin}, timeout=give_up_at - loop.time())
            if not twin.done():
                raise StillInProgress("The same request is in progress")
            if not twin.cancelled() and twin.result()[0] == digest:
                return twin.result()[1]
        return None

    async def _store(self, submission: Submission, origin: Origin, name: bytes | None) -> Registered:
        lane = submission.lane_from(origin.channel)
        spool = self._spools[lane]
        if lane is Lane.ROUTINE and not spool.has_room:
            raise DatabaseUnavailable("The spool is too full for routine reports")

        # computed here to save work in the file's thread
        expected = self._acceptance(submission, origin, lane, RepeatStatus.NEW)

        def accept(standing: RepeatStatus) -> Acceptance:
            return expected if standing is RepeatStatus.NEW else self._acceptance(submission, origin, lane, standing)

        outcome = await spool.submit(Entry(name, submission.digest, lenient=origin.lenient, accept=accept))
        if isinstance(outcome, Undecided):
            raise DatabaseUnavailable("The other lane's spool does not answer")
        if isinstance(outcome, Mismatched):
            raise IdempotencyMismatch("The reference or key was used before with another body")
        if isinstance(outcome, Accepted):
            self._count(origin, submission, "accepted")
            log.info(
                "A report was accepted",
                report_id=outcome.acceptance.report_id,
                channel=origin.channel,
                lane=lane,
                trace_id=trace_id_of(origin.traceparent),
            )
            return Registered(outcome.acceptance.answer, repeated=False)
        self._count(origin, submission, "repeated")
        return Registered(outcome.answer, repeated=True)

    def _acceptance(self, submission: Submission, origin: Origin, lane: Lane, standing: RepeatStatus) -> Acceptance:
        report_id = self._identify(submission, origin, standing)
        reused = (REFERENCE_REUSED,) if standing is RepeatStatus.REUSED else ()
        receipt = Receipt(
            report_id=report_id,
            ticket=ticket_number(report_id),
            status_url=f"{self._stats_url}/v1/reports/{report_id}",
            lane=lane,
            flags=(*submission.flags, *origin.flags, *reused),
        )
        return Acceptance(
            report_id=str(report_id),
            mode=submission.mode,
            answer=receipt_json(receipt),
            records=report_records(
                submission,
                receipt,
                channel=origin.channel,
                received_at=origin.received_at,
                traceparent=origin.traceparent,
            ),
        )

    @staticmethod
    def _identify(submission: Submission, origin: Origin, standing: RepeatStatus) -> UUID:
        """The report's id; the body's digest is added where the name may already belong to another report."""
        return report_id_of(
            origin.channel,
            submission.source_reference,
            origin.idempotency_key,
            origin.kafka_position,
            None if standing is RepeatStatus.NEW else submission.digest,
        )

    def _count(self, origin: Origin, submission: Submission, result: str) -> None:
        lane = submission.lane_from(origin.channel)
        self._metrics.received.labels(origin.channel, lane, result).inc()
        if result == "accepted":
            for flag in (*submission.flags, *origin.flags):
                self._metrics.flags.labels(flag).inc()
