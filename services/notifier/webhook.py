"""The ways to an endpoint. So far one: an HTTP push, bounded in time and in what it reads."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from services.notifier.schedule import PushPolicy, PushResult

MAX_ANSWER_BYTES = 16 * 1024
USER_AGENT = "laksa-notifier/1"


class WebhookChannel:
    """Posts to receivers that may be broken or hostile."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def push(self, url: str, headers: Mapping[str, str], body: bytes, policy: PushPolicy) -> PushResult:
        """Try once. Whatever the receiver does is a result, never an exception.

        A redirect is an answer like any other: following it would send the report where nobody allowed it to go.
        """
        started = time.perf_counter()
        status, error, retry_after = None, None, None
        timeout = aiohttp.ClientTimeout(total=policy.exchange_seconds, connect=policy.connect_seconds)
        try:
            async with (
                asyncio.timeout(policy.exchange_seconds),
                self._session.post(
                    url, data=body, headers=dict(headers), timeout=timeout, allow_redirects=False
                ) as answer,
            ):
                status, retry_after = answer.status, answer.headers.get("Retry-After")
                await _read_little(answer)
        except (TimeoutError, aiohttp.ClientError, OSError, ssl.CertificateError) as failure:
            error = _error_code(failure)
        return PushResult(status, error, retry_after, (time.perf_counter() - started) * 1000)


@asynccontextmanager
async def webhook_session() -> AsyncIterator[aiohttp.ClientSession]:
    """The HTTP client of one process.

    Each push opens its own connection: a kept one may have been closed by the receiver meanwhile, which would cost an
    emergency a try. No proxy from the environment, no cookies, no decompression of what a receiver sends.
    """
    connector = aiohttp.TCPConnector(limit=0, force_close=True, use_dns_cache=False)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        read_bufsize=MAX_ANSWER_BYTES,
        headers={"User-Agent": USER_AGENT, "Content-Type": "application/json"},
    ) as session:
        yield session


async def _read_little(answer: aiohttp.ClientResponse) -> None:
    left = MAX_ANSWER_BYTES
    while left > 0 and (chunk := await answer.content.read(left)):
        left -= len(chunk)
    if left <= 0:
        answer.close()  # or leaving the exchange would wait for the rest


# The first that fits: aiohttp's classes are partly each other's children.
_ERROR_CODES: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorDNSError, "name_not_found"),
    (aiohttp.ClientConnectorSSLError, "tls_refused"),
    (aiohttp.ClientConnectorCertificateError, "tls_refused"),
    (ssl.CertificateError, "tls_refused"),
    (aiohttp.ClientConnectorError, "not_connected"),
    (aiohttp.InvalidURL, "bad_url"),
    (aiohttp.ServerDisconnectedError, "connection_lost"),
    (OSError, "connection_lost"),
)


def _error_code(failure: Exception) -> str:
    return next((code for kind, code in _ERROR_CODES if isinstance(failure, kind)), "bad_answer")
