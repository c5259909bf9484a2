"""A department's receiver on a real socket, as well-behaved or as hostile as a test wants it."""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from standardwebhooks import Webhook

from services.cli.run.embedded_kafka.ports import is_free
from tests.support.waiting import eventually

_PORTS = range(10_000, 20_000)  # those of the embedded Kafka are above
_untried = iter(random.SystemRandom().sample(_PORTS, len(_PORTS)))

MANY_BYTES = 64 * 1024 * 1024  # far more than fits into the sockets' buffers


@dataclass(frozen=True, slots=True)
class Push:
    """One request as it came; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        """The webhook-id."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """The body."""
        return orjson.loads(self.body)

    def verify(self, secret: str) -> None:
        """Check the signature as a department would, with the library; raises where it is wrong."""
        Webhook(secret).verify(self.body, dict(self.headers))


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """Answer like a web server, and close."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return behave


async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing until the other side has had enough."""
    await reader.read()


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Cut the connection with an RST."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def garbage(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with something that is not HTTP."""
    writer.write(b"\x00\xffSSH-2.0-nonsense\r\n\r\n")
    await writer.drain()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the head of a good answer at once, then a byte now and then for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not reader.at_eof():
        writer.write(b".")
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), 0.05)


@dataclass
class Flood:
    """A behaviour: send a body without end, and count what the sockets took."""

    sent: int = 0

    async def __call__(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer well, then go on and on."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while self.sent < MANY_BYTES:
            writer.write(b"<" * 65536)
            await writer.drain()
            self.sent += 65536


@dataclass
class Receiver:
    """Records what it gets. ``behaviours`` are used up one by one; then ``otherwise`` holds."""

    otherwise: Behaviour = field(default_factory=answer)
    behaviours: list[Behaviour] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Where to push."""
        return f"http://127.0.0.1:{self.port}/push"

    async def wait_for_pushes(self, count: int, seconds: float = 10.0) -> list[Push]:
        """The pushes, once there are so many."""
        await eventually(lambda: len(self.pushes) >= count, seconds)
        return self.pushes

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, then behave."""
        try:
            self.pushes.append(await _read_push(reader))
            behave = self.behaviours.pop(0) if self.behaviours else self.otherwise
            await behave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side may leave whenever it likes
        finally:
            writer.close()


@asynccontextmanager
async def receiver(otherwise: Behaviour | None = None, *behaviours: Behaviour) -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    made = Receiver(otherwise=otherwise or answer(), behaviours=list(behaviours))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


def unused_port() -> int:
    """A port where nobody listens, never the same twice.

    Below every system's ephemeral range: no connection of somebody's takes it while a service that is given it is away.
    """
    return next(port for port in _untried if is_free(port))


async def _read_push(reader: asyncio.StreamReader) -> Push:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    request, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Push(request.split()[1], headers, body, asyncio.get_running_loop().time())
