"""Serving HTTP until SIGTERM."""

import socket
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """A server that awaits a callback before it waits for its open connections."""

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
    """Serve until SIGTERM or SIGINT, then finish the requests in progress.

    ``leaving`` is awaited first, to end responses that would otherwise never end (a live stream).
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
