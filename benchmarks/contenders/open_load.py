"""An open load of routine reports: a fixed number per second, independent of the responses.

``python -m benchmarks.contenders.open_load <port> <reports per second> <seconds>`` connects to this machine only, for a
limited time, through a limited number of connections, and prints the result as one line of JSON. A report that is due
while every connection waits for a response is not sent; it counts as offered.
"""

import asyncio
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import cast

import orjson
import uvloop

from benchmarks.samples import report_body
from tests.support.processes.intake_process import KEYS

CONNECTIONS = 300
TICK_SECONDS = 0.002
PREPARED = 5_000  # different bodies; without a source_reference, a repeated body is a new report
LONGEST_SECONDS = 60.0


@dataclass
class Sent:
    """The numbers of offered and sent reports, the responses by status, and the duration in seconds."""

    offered: int = 0
    sent: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class _Connection(asyncio.Protocol):
    """A keep-alive connection; it is free when its request was answered."""

    def __init__(self, free: "deque[_Connection]", sent: Sent) -> None:
        self._free = free
        self._sent = sent
        self.transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's has the same methods
        self._free.append(self)

    def data_received(self, data: bytes) -> None:
        # each response is small enough for one read
        status = data[9:12].decode()
        self._sent.answers[status] = self._sent.answers.get(status, 0) + 1
        self._free.append(self)


async def offer(port: int, rate: float, seconds: float) -> Sent:
    """Offer a number of reports per second for a number of seconds."""
    sent = Sent()
    free: deque[_Connection] = deque()
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: _Connection(free, sent), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    requests = [_request(port, number) for number in range(PREPARED)]
    begun = time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < seconds:
        while sent.offered < elapsed * rate:
            sent.offered += 1
            if free:
                free.popleft().transport.write(requests[sent.offered % PREPARED])
                sent.sent += 1
        await asyncio.sleep(TICK_SECONDS)
    sent.seconds = time.perf_counter() - begun
    for connection in connections:
        connection.transport.abort()
    return sent


def _request(port: int, number: int) -> bytes:
    fields = report_body(number)
    del fields["source_reference"]
    body = orjson.dumps(fields)
    head = (
        f"POST /v1/reports HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-Key: {KEYS['laksa']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main() -> None:
    """Offer the load and print the result."""
    port, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), min(float(sys.argv[3]), LONGEST_SECONDS)
    sent = uvloop.run(offer(port, rate, seconds))
    sys.stdout.buffer.write(orjson.dumps(asdict(sent)) + b"\n")


if __name__ == "__main__":
    main()
