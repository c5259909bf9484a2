"""What ops asks every service over HTTP: alive, ready, metrics, and the AsyncAPI document."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from shared.errors import ConfigurationError
from shared.observability.health import Health
from shared.observability.logs import logger

log = logger(__name__)

LEAVE_SECONDS = 17.0  # of the 20 s in which a service ends (promise W3)
LEAST_SECONDS = 1.0

Background = Callable[[asyncio.Event], Awaitable[None]]


def ops_routes(health: Health, registry: CollectorRegistry, asyncapi: Callable[[], str]) -> list[Route]:
    """``/health/live``, ``/health/ready`` (503 with the reasons), ``/metrics`` and ``/asyncapi`` (JSON)."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_request: Request) -> Response:
        is_ready, said = await health.ready()
        return JSONResponse({"ready": is_ready, "checks": dict(said)}, status_code=200 if is_ready else 503)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def asyncapi_document(_request: Request) -> Response:
        return Response(asyncapi(), media_type="application/json")

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
        Route("/asyncapi", asyncapi_document),
    ]


@asynccontextmanager
async def running(
    stopping: asyncio.Event, *, tasks: Sequence[Background], stop: Sequence[Callable[[], Awaitable[None]]]
) -> AsyncIterator[None]:
    """Run background loops while the service serves; on leaving, set ``stopping``, then close in the given order.

    A loop that ends with an error is logged and takes the process down, so that the supervisor starts a whole one.
    """
    running_tasks = [
        asyncio.create_task(_watched(task, stopping), name=getattr(task, "__qualname__", "")) for task in tasks
    ]
    try:
        yield
    finally:
        stopping.set()
        give_up_at = asyncio.get_running_loop().time() + LEAVE_SECONDS
        for close in stop:
            await close()
        left = max(LEAST_SECONDS, give_up_at - asyncio.get_running_loop().time())
        late = (await asyncio.wait(running_tasks, timeout=left))[1] if running_tasks else ()
        for task in late:  # it waits for Kafka, say; what it had not finished is done again at the next start
            log.warning("A background loop does not end, leaving it", loop=task.get_name())
            task.cancel()
        await asyncio.gather(*running_tasks, return_exceptions=True)


async def _watched(task: Background, stopping: asyncio.Event) -> None:
    try:
        await task(stopping)
    except Exception as error:
        settings = _settings_error(error)
        if settings is not None:
            log.critical("Settings must be changed, the service ends", what=str(settings))
        else:
            log.critical("A background loop failed, the service ends", exc_info=True)
        signal.raise_signal(signal.SIGTERM)
        raise


def _settings_error(error: Exception) -> ConfigurationError | None:
    """What a person has to change, alone or among what several loops of a group raised."""
    if isinstance(error, ExceptionGroup):
        return next((found for one in error.exceptions if (found := _settings_error(one)) is not None), None)
    return error if isinstance(error, ConfigurationError) else None


class _Server(uvicorn.Server):
    """A server that says so before it waits for its open connections."""

    def __init__(self, config: uvicorn.Config, leaving: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__(config)
        self._leaving = leaving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._leaving is not None:
            await self._leaving()
        await super().shutdown(sockets)


def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    graceful_seconds: float,
    leaving: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in hand.

    ``leaving`` is awaited first, to end answers that would otherwise go on for ever (a live stream).
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(graceful_seconds),
        lifespan="on",
    )
    _Server(config, leaving).run()
