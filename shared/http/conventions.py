"""What is alike in every service's HTTP: errors as problem or page, the trailing slash, and HEAD."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import TransientError
from shared.http.pages import PAGE_HEADERS, Page, notice_of, plain_page, wants_page
from shared.http.problems import Problem, of_bug, of_http_exception, of_transient, problem_document, trace_id_for

AsProblem = Callable[[Any], Problem]


def apply_conventions(
    app: Starlette, *, page: Page = plain_page, problems: Mapping[type[Exception], AsProblem] | None = None
) -> None:
    """Give an application our error answers, trailing slashes and HEAD. Call after all other middleware was added.

    ``page`` renders a browser's error page in the look of the service; ``problems`` adds exceptions of a framework.
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
    """Serves ``/v1/reports/`` as ``/v1/reports``. A redirect would lose the body of a POST at some clients."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, without the slash at its end."""
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            raw: bytes = scope.get("raw_path") or b""
            scope = {**scope, "path": scope["path"][:-1], "raw_path": raw.removesuffix(b"/")}
        await self._app(scope, receive, send)


class AnswerHead:
    """Answers HEAD as GET, without the body: FastAPI's routes know only the methods that they name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as GET and send only how its answer begins; a stream is ended there."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        is_answered = False

        async def send_start(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                await send(message)
            elif message["type"] == "http.response.body" and not is_answered:
                is_answered = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                if message.get("more_body", False):
                    raise OSError("The client has all that it asked for")  # as if it had left: a stream ends at that

        try:
            await self._app({**scope, "method": "GET"}, receive, send_start)
        except (OSError, ClientDisconnect):
            if not is_answered:
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
