"""Rate, errors and duration of a service's HTTP responses, as an ASGI middleware."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability.metrics import DURATION_BUCKETS

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # a client may send others
UNMATCHED = "unmatched"  # one series for all requests without a route: clients choose the paths


class HttpMetrics:
    """The HTTP metrics of a service; made once, in ``app.py``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "laksa_http_requests_total", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "laksa_http_request_seconds",
            "Time until an answer began; a stream may go on for hours after that",
            ["method", "route"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )


class MeasureHttp:
    """Counts each request under its route's path template, never under the path itself.

    ``app.add_middleware(MeasureHttp, metrics=HttpMetrics(registry))``.
    """

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, note)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route_of(scope)
        method = scope["method"] if route != UNMATCHED and scope["method"] in METHODS else UNMATCHED
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)


def _route_of(scope: Scope) -> str:
    """The path template that matched: FastAPI provides it, Starlette only provides the values of the parameters."""
    template = getattr(scope.get("route"), "path", None)
    if template is not None:
        return str(template)
    if "endpoint" not in scope:
        return UNMATCHED
    path = str(scope["path"])
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(str(value), f"{{{name}}}") if str(value) else path
    return path
