"""HTTP behaviour that all services share: error responses as problem or page, trailing slashes, and HEAD."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import TransientError
from shared.http.pages import PAGE_HEADERS, Page, notice_of, plain_page, wants_page
from shared.http.problems import Problem, of_bug, of_http_exception, of_transient, problem_document, trace_id_for

AsProblem = Callable[[Any], Problem]


def apply_conventions(
    app: Starlette, *, page: Page = plain_page, problems: Mapping[type[Exception], AsProblem] | None = None
) -> None:
    """Add our error responses, trailing slashes and HEAD to an application. Call after adding all other middleware.

    ``page`` renders error pages in the service's own design; ``problems`` maps further exception types to problems.
    """
    app.router.redirect_slashes = False
    app.add_middleware(AnswerHead)
    app.add_middleware(IgnoreTrailingSlash)
    known: dict[type[Exception], AsProblem] = {
        Problem: lambda problem: problem,
        HTTPException: of_http_exception,
        TransientError: of_transient,
        Exception: of_bug,
        **(problems or {}),
    }
    for kind, as_problem in known.items():
        app.add_exception_handler(kind, _handler(as_problem, page))


class IgnoreTrailingSlash:
    """Serves ``/v1/reports/`` as ``/v1/reports``. With a redirect, some clients would drop the body of a POST."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on without its trailing slash."""
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            raw: bytes = scope.get("raw_path") or b""
            scope = {**scope, "path": scope["path"][:-1], "raw_path": raw.removesuffix(b"/")}
        await self._app(scope, receive, send)


class AnswerHead:
    """Answers HEAD as GET without the body: FastAPI's routes, unlike Starlette's, do not add HEAD to GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as GET and send only the start of the response; a stream is stopped after it."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        is_answered = False
        try:
            async with asyncio.timeout(None) as cut:

                async def send_start(message: Message) -> None:
                    nonlocal is_answered
                    if message["type"] == "http.response.start":
                        await send(message)
                    elif message["type"] == "http.response.body" and not is_answered:
                        is_answered = True
                        await send({"type": "http.response.body", "body": b"", "more_body": False})
                        if message.get("more_body", False):
                            # Cancelled at the next await, not here: so a stream ends inside its generator.
                            cut.reschedule(asyncio.get_running_loop().time())

                await self._app({**scope, "method": "GET"}, receive, send_start)
        except TimeoutError:
            if not cut.expired():
                raise


def _handler(as_problem: AsProblem, page: Page) -> Callable[[Request, Exception], Any]:
    async def answer(request: Request, error: Exception) -> Response:
        problem, trace_id = as_problem(error), trace_id_for(request)
        document = problem_document(problem, trace_id)
        if wants_page(request):
            text = page(*notice_of(problem.status, trace_id))
            return HTMLResponse(text, problem.status, {**PAGE_HEADERS, **problem.headers, "vary": "Accept"})
        document.headers["vary"] = "Accept"
        return document

    return answer
