"""Intake's HTTP API: reports and 112 calls."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from services.intake.api_keys import AuthenticatedChannel, Channels, Scope
from services.intake.bodies import CallBody, ReportBody
from services.intake.faults import Fault
from services.intake.load_shedder import TOO_BUSY, LoadShedder, busy_answer
from services.intake.metrics import UNKNOWN, IntakeMetrics
from services.intake.registration import ModeForbidden, Origin, Registration, StillInProgress
from services.intake.submissions import Submission
from services.intake.validation import MAX_BODY_BYTES, Rejected, read_call, read_report
from shared.domain.flags import KEY_IGNORED
from shared.domain.lanes import Channel
from shared.domain.taxonomy import Taxonomy
from shared.errors import DatabaseUnavailable, IdempotencyMismatch
from shared.http.bodies import check_is_json, read_body
from shared.http.problems import Problem
from shared.observability.logs import logger
from shared.observability.tracing import child_of

API_KEY: Final = "X-API-Key"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
KEY_CHARACTERS: Final = 200
IN_PROGRESS_RETRY_SECONDS: Final = 1

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API: its path, its endpoint, and the model of its request body."""

    path: str
    endpoint: Callable[[Request], Awaitable[Response]]
    body: type[BaseModel]


class IntakeApi:
    """Authenticates, reads, validates and registers requests."""

    def __init__(
        self,
        registration: Registration,
        channels: Channels,
        taxonomy: Taxonomy,
        metrics: IntakeMetrics,
        *,
        load_shedder: LoadShedder,
        body_timeout: timedelta,
    ) -> None:
        self._registration = registration
        self._channels = channels
        self._taxonomy = taxonomy
        self._metrics = metrics
        self._load_shedder = load_shedder
        self._body_seconds = body_timeout.total_seconds()

    def operations(self) -> list[Operation]:
        """The operations of the API."""
        return [
            Operation("/v1/reports", self.submit_report, ReportBody),
            Operation("/v1/calls", self.submit_call, CallBody),
        ]

    async def submit_report(self, request: Request) -> Response:
        """Take a citizen report. Strict: a field that cannot be used refuses the whole report.

        Sending it again with the same `source_reference` (or, without one, the same `Idempotency-Key`) and the same
        body gives the same answer for 7 days and is no second report.
        """
        sender = self._admit(request, None)
        return await self._take(request, sender, read_report, lenient=False)

    async def submit_call(self, request: Request) -> Response:
        """Take a 112 call. Whatever can be saved is accepted, the rest is flagged.

        Only `text` or `category` is needed. The same `source_reference` with another body is another report. A body
        that is no JSON is answered with 400, and kept all the same: a person at the Live Room looks at its bytes.
        """
        sender = self._admit(request, Scope.CALLS)
        return await self._take(request, sender, read_call, lenient=True)

    def _admit(self, request: Request, needed: Scope | None) -> AuthenticatedChannel:
        request.state.traceparent = child_of(request.headers.get("traceparent"))
        operation = "calls" if needed else "reports"
        sender = self._channels.recognise(request.headers.get(API_KEY))
        if sender is None:
            self._count_auth_failure(UNKNOWN, operation)
            raise Problem(
                401,
                "unauthorized",
                "No valid credentials",
                f"Send your channel's key in {API_KEY}.",
                headers={"WWW-Authenticate": "ApiKey"},
            )
        if needed and needed not in sender.scopes:
            raise self._forbidden(sender, operation)
        return sender

    async def _take(
        self,
        request: Request,
        sender: AuthenticatedChannel,
        read: Callable[..., Submission | Rejected],
        *,
        lenient: bool,
    ) -> Response:
        try:
            check_is_json(request)
            body = await read_body(request, most_bytes=MAX_BODY_BYTES, seconds=self._body_seconds)
            if not lenient and self._load_shedder.refuses(body, sender.channel):
                self._count_refusal(sender.channel, TOO_BUSY, lenient=lenient)
                await self._load_shedder.delay_refusal()
                return busy_answer(request.state.traceparent)
            with self._load_shedder.holding():
                origin = self._origin_of(request, sender, lenient=lenient)
                submission = read(body, now=origin.received_at, taxonomy=self._taxonomy)
                if isinstance(submission, Rejected):
                    raise await self._rejected(submission, body, origin)
                registered = await self._register(submission, origin)
        except Problem as problem:
            self._count_refusal(sender.channel, problem.code, lenient=lenient)
            raise
        except DatabaseUnavailable:
            self._count_refusal(sender.channel, "unavailable", lenient=lenient)
            raise
        return Response(registered, status_code=202, media_type="application/json")

    async def _register(self, submission: Submission, origin: Origin) -> bytes:
        try:
            return (await self._registration.register(submission, origin)).answer
        except ModeForbidden:
            raise self._forbidden(origin.sender, submission.mode) from None
        except IdempotencyMismatch:
            raise Problem(
                422,
                "idempotency_mismatch",
                "The reference or key was used for another body",
                "Give each report its own source_reference or Idempotency-Key.",
            ) from None
        except StillInProgress:
            raise Problem(
                409,
                "in_progress",
                "The same request is being worked on",
                "Send it again in a moment; it will not be stored twice.",
                headers={"Retry-After": str(IN_PROGRESS_RETRY_SECONDS)},
            ) from None

    async def _rejected(self, rejected: Rejected, body: bytes, origin: Origin) -> Problem:
        if rejected.code == "malformed":
            if origin.lenient:
                await self._registration.keep_unreadable(body, origin)
            return Problem(400, "malformed", "The body is not a JSON object", "Send one JSON object in UTF-8.")
        return _invalid(rejected.faults)

    def _origin_of(self, request: Request, sender: AuthenticatedChannel, *, lenient: bool) -> Origin:
        key = request.headers.get(IDEMPOTENCY_KEY, "").strip()
        usable = len(key) <= KEY_CHARACTERS and key.isascii() and key.isprintable()
        if not usable and not lenient:
            raise _invalid((Fault((IDEMPOTENCY_KEY,), "not_a_key"),))
        return Origin(
            sender=sender,
            received_at=self._registration.now(),
            traceparent=request.state.traceparent,
            lenient=lenient,
            idempotency_key=key if key and usable else None,
            flags=() if usable else (KEY_IGNORED,),
        )

    def _forbidden(self, sender: AuthenticatedChannel, operation: str) -> Problem:
        self._count_auth_failure(sender.channel, operation)
        return Problem(403, "forbidden", "Not allowed", "Ask for the scope, or send what your channel may send.")

    def _count_auth_failure(self, channel: str, operation: str) -> None:
        self._metrics.auth_failures.labels(channel, operation).inc()
        log.warning("Credentials were refused", channel=channel, operation=operation)

    def _count_refusal(self, channel: Channel, code: str, *, lenient: bool) -> None:
        self._metrics.received.labels(channel, UNKNOWN, code).inc()
        if lenient:  # somebody may be waiting for help: this pages
            log.error("A 112 call was refused", channel=channel, code=code)


def _invalid(faults: tuple[Fault, ...]) -> Problem:
    errors = [(fault.dotted, fault.code) for fault in faults]
    return Problem(422, "invalid", "Invalid fields", "Correct the fields listed under errors.", errors=errors)
