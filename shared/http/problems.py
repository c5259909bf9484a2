"""HTTP errors as RFC 9457 problems: a stable code and the path of each field, never a value that was sent."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.domain.texts import strip_controls
from shared.errors import TransientError
from shared.observability.logs import logger
from shared.observability.tracing import new_traceparent, trace_id_of

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2  # enough for what usually fails: a lock of SQLite, a database that restarts
MAX_ERRORS = 50  # per answer; a client with more invalid fields corrects the first ones first
MAX_PATH_CHARACTERS = 120  # a path may contain names chosen by the client

log = logger(__name__)


class FieldFault(NamedTuple):
    """One invalid field: its dotted path in the request and a stable code, not its value."""

    path: str
    code: str


class Problem(Exception):  # noqa: N818  # named as in RFC 9457
    """An error response. Raise it anywhere below a route.

    ``code`` is stable and for programs; ``title`` is the same for people and does not depend on the request;
    ``detail`` says what to do. None of them may quote the request.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(FieldFault(*error) for error in errors)
        self.headers = dict(headers or {})


class ProblemField(BaseModel):
    """One invalid field."""

    path: str = Field(description="Dotted path of the field in the request", examples=["place.latitude"])
    code: str = Field(description="Stable code of the error", examples=["not_finite"])


class ProblemBody(BaseModel):
    """The body of every error response (RFC 9457)."""

    type: str = Field(description="URI of this kind of problem", examples=["urn:problem-type:laksa:malformed"])
    title: str = Field(description="The kind of problem, for people")
    status: int = Field(description="The HTTP status again")
    detail: str = Field(description="What to do")
    code: str = Field(description="Stable code of the kind of problem, for programs", examples=["malformed"])
    errors: list[ProblemField] = Field(description="The invalid fields; empty for problems that concern no field")
    trace_id: str = Field(description="Quote this when you report the problem: our logs contain it")


def problem_document(problem: Problem, trace_id: str) -> JSONResponse:
    """The response for a problem; it is logged with the same trace id."""
    body = ProblemBody(
        type=f"urn:problem-type:laksa:{problem.code}",
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        errors=[ProblemField(path=_shown(path), code=code) for path, code in problem.errors[:MAX_ERRORS]],
        trace_id=trace_id,
    )
    log.info("A request was refused", status=problem.status, code=problem.code, trace_id=trace_id)
    return JSONResponse(body.model_dump(), status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def trace_id_for(request: Request) -> str:
    """The trace id of the request (``traceparent``), or a new one."""
    given = getattr(request.state, "traceparent", None) or request.headers.get("traceparent")
    return trace_id_of(given) or trace_id_of(new_traceparent()) or ""


def documented_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI ``responses`` of a route that may answer with these statuses."""
    schema = _inlined_schema()
    retry = {"Retry-After": {"description": "Seconds to wait before the next try", "schema": {"type": "integer"}}}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
            **({"headers": retry} if status in (409, 429, 503) else {}),
        }
        for status in statuses
    }


def _inlined_schema() -> dict[str, Any]:
    """The body's schema with its ``$defs`` inlined: references to them would not resolve inside an OpenAPI document."""
    schema = ProblemBody.model_json_schema()
    schema["properties"]["errors"]["items"] = schema.pop("$defs")["ProblemField"]
    return schema


def unavailable() -> Problem:
    """503 with Retry-After: a database or Kafka is unavailable."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "Service unavailable",
        "Nothing was stored. Send the same request again.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def of_transient(error: TransientError) -> Problem:
    """503 for a database or Kafka that is unavailable."""
    log.warning("A dependency of the request is unavailable", reason=str(error))
    return unavailable()


def of_http_exception(error: HTTPException) -> Problem:
    """The framework's own error: no such path, no such method."""
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "_").replace("-", "_")
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed(headers.get("Allow", "GET"))  # Starlette's StaticFiles omits it
    return Problem(status, code, status.phrase, status.description, headers=headers)


def of_bug(_error: Exception) -> Problem:
    """500 for an unexpected exception. Starlette raises it again after the response, and the server logs it."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Internal error", "Report the trace_id to the operators."
    )


def _allowed(methods: str) -> str:
    """The methods in order, with HEAD wherever GET is."""
    named = {name.strip() for name in methods.split(",")}
    return ", ".join(sorted(named | ({"HEAD"} if "GET" in named else set())))


def _shown(path: str) -> str:
    return strip_controls(path)[0][:MAX_PATH_CHARACTERS]
