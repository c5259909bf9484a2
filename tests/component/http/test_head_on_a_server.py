"""HEAD on a real server: no body follows, the connection is usable afterwards, and a stream stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from shared.http.conventions import apply_conventions
from tests.support.waiting import eventually


class Streams:
    """An application with an endless stream, which counts the streams that are open."""

    def __init__(self) -> None:
        self.open = 0
        self.opened = 0
        routes = [Route("/live", self.live), Route("/text", self.text), Route("/broken", self.broken)]
        self.app = Starlette(routes=routes)
        apply_conventions(self.app)

    async def live(self, _request: Request) -> Response:
        """A stream without an end."""
        return StreamingResponse(self._parts(), media_type="text/event-stream")

    async def text(self, _request: Request) -> Response:
        """A short text."""
        return Response("halo", media_type="text/plain")

    async def broken(self, _request: Request) -> Response:
        """A timeout of the service itself."""
        raise TimeoutError

    async def _parts(self) -> AsyncIterator[bytes]:
        self.open += 1
        self.opened += 1
        try:
            while True:
                yield b": part\n\n"
                await asyncio.sleep(0.01)
        finally:
            self.open -= 1


@asynccontextmanager
async def served(streams: Streams) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of uvicorn on a free port, with one connection."""
    server = uvicorn.Server(uvicorn.Config(streams.app, port=0, log_config=None, timeout_graceful_shutdown=1))
    running = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually(started, 10)
    port = server.servers[0].sockets[0].getsockname()[1]
    one_connection = httpx2.Limits(max_connections=1)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=one_connection, timeout=5) as client:
        yield client
    server.should_exit = True
    await running


async def test_a_stream_is_stopped_and_the_connection_goes_on() -> None:
    """HEAD of a stream returns at once, the stream ends, and the next request has an answer on the same connection."""
    streams = Streams()
    async with served(streams) as client:
        head = await client.head("/live")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"].startswith("text/event-stream")
        assert (await client.get("/text/")).text == "halo"
        assert streams.opened == 1

        async def all_closed() -> bool:
            return streams.open == 0

        await eventually(all_closed, 5)


async def test_head_has_the_length_of_get() -> None:
    """Content-Length is that of the body that GET would send; several HEADs share a connection."""
    async with served(Streams()) as client:
        for _ in range(3):
            head = await client.head("/text")
            assert (head.headers["content-length"], head.content) == ("4", b"")


async def test_a_fault_behind_head_is_500() -> None:
    """A TimeoutError of the service itself is not taken for the end of a HEAD."""
    async with served(Streams()) as client:
        head = await client.head("/broken")
        assert (head.status_code, head.content) == (500, b"")
