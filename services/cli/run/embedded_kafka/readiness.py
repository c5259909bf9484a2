"""Waiting until a broker answers a client like those of the services, which asks for its metadata."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

POLL_S = 0.05
ASK_TIMEOUT_MS = 2_000


async def wait_until_answers(
    host: str, port: int, *, still_worth_it: Callable[[], None], credentials: Mapping[str, str] | None = None
) -> None:
    """Return once the broker answers; ``still_worth_it`` is called before each try and raises to give up.

    ``credentials`` are options of aiokafka for a broker with authentication.
    """
    while True:
        still_worth_it()
        # aiokafka logs an error for each refused connection, so it is used only once the port is open.
        if await _listens(host, port) and await _answers(f"{host}:{port}", credentials or {}):
            return
        await asyncio.sleep(POLL_S)


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _answers(server: str, credentials: Mapping[str, str]) -> bool:
    client = AIOKafkaClient(bootstrap_servers=server, request_timeout_ms=ASK_TIMEOUT_MS, **credentials)
    try:
        await client.bootstrap()
        return bool(client.cluster.brokers())
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()
