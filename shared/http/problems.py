"""Errors over HTTP as RFC 9457 problems: a stable code and the field's path, never the value that was sent."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.domain.texts import strip_controls
from shared.errors import TransientError
from shared.observability.logs import logger
from shared.observability.tracing import new_traceparent, trace_id_of

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2  # what is down is usually back by then: SQLite's lock, a restarted database
MAX_ERRORS = 50  # of one answer; whoever sends more wrong fields mends the first ones first
MAX_PATH_CHARACTERS = 120  # a path may hold names that the client made up

log = logger(__name__)


class FieldFault(NamedTuple):
    """One field that cannot be used: its dotted path in the request and a stable code, not its value."""

    path: str
    code: str


class Problem(Exception):  # noqa: N818  # named as in RFC 9457
    """An answer other than success. Raise it anywhere below a route.

    ``code`` is stable and made for programs; ``title`` says the same to people and does not change with the request;
    ``detail`` says what to do. None of them may quote what was sent.
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
    """One field that cannot be used."""

    path: str = Field(description="Dotted path of the field in the request", examples=["place.latitude"])
    code: str = Field(description="Stable code of what is wrong with it", examples=["not_finite"])


class ProblemBody(BaseModel):
    """The body of every answer that is not a success (RFC 9457)."""

    type: str = Field(description="URI of this kind of problem", examples=["urn:problem-type:laksa:malformed"])
    title: str = Field(description="The kind of problem, for people")
    status: int = Field(description="The HTTP status again")
    detail: str = Field(description="What to do about it")
    code: str = Field(description="Stable code of the kind of problem, for programs", examples=["malformed"])
    errors: list[ProblemField] = Field(description="The fields that cannot be used; empty where it is not about fields")
    trace_id: str = Field(description="Name this to us: our logs can be searched for it")


def problem_answer(problem: Problem, request: Request) -> JSONResponse:
    """The HTTP answer of a problem. Its trace id is the request's own (``traceparent``), or a new one."""
    body = ProblemBody(
        type=f"urn:problem-type:laksa:{problem.code}",
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        errors=[ProblemField(path=_shown(path), code=code) for path, code in problem.errors[:MAX_ERRORS]],
        trace_id=_trace_id(request),
    )
    log.info("A request was refused", status=problem.status, code=problem.code, trace_id=body.trace_id)
    return JSONResponse(body.model_dump(), status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


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
    """The body's schema without a reference: ``$defs`` would point to nowhere inside an OpenAPI document."""
    schema = ProblemBody.model_json_schema()
    schema["properties"]["errors"]["items"] = schema.pop("$defs")["ProblemField"]
    return schema


def install_problem_handlers(app: Starlette) -> None:
    """Answer with problems for everything that goes wrong: ours, the framework's, a database that is down, bugs."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(TransientError, _answer_unavailable)
    app.add_exception_handler(Exception, _answer_bug)


def unavailable() -> Problem:
    """Something that we need is down: 503, and when to come again."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "Not available right now",
        "Nothing was stored. Send the same request again.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


async def _answer_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101  # Starlette hands each handler its own class
    return problem_answer(error, request)


async def _answer_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "_").replace("-", "_")
    return problem_answer(Problem(status, code, status.phrase, status.description, headers=error.headers), request)


async def _answer_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
    faults = [FieldFault(".".join(str(part) for part in fault["loc"]), fault["type"]) for fault in error.errors()]
    if any(fault.code == "json_invalid" for fault in faults):
        return problem_answer(Problem(400, "malformed", "The body is not JSON", "Send one JSON object."), request)
    problem = Problem(422, "invalid", "Fields cannot be used", "Mend the fields under errors.", errors=faults)
    return problem_answer(problem, request)


async def _answer_unavailable(request: Request, error: Exception) -> JSONResponse:
    log.warning("What a request needs is down", reason=str(error))
    return problem_answer(unavailable(), request)


async def _answer_bug(request: Request, _error: Exception) -> JSONResponse:
    problem = Problem(500, "internal", "An error of ours", "Tell us the trace_id.")
    return problem_answer(problem, request)  # Starlette raises the error again after this, and the server logs it


def _trace_id(request: Request) -> str:
    given = getattr(request.state, "traceparent", None) or request.headers.get("traceparent")
    return trace_id_of(given) or trace_id_of(new_traceparent()) or ""


def _shown(path: str) -> str:
    return strip_controls(path)[0][:MAX_PATH_CHARACTERS]
