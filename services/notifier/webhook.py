"""HTTP push to an endpoint, bounded in time and in response size."""

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
    """Posts to receivers that may be faulty or hostile."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def push(self, url: str, headers: Mapping[str, str], body: bytes, policy: PushPolicy) -> PushResult:
        """Push once. Every behaviour of the receiver gives a result, never an exception.

        Redirects are not followed: they could send the report to an address that is not allowed.
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
    """The HTTP client of a process.

    Each push opens its own connection: the receiver may have closed a kept one, which would cost an emergency a try. It
    uses no proxy from the environment and no cookies, and does not decompress responses.
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
        answer.close()  # otherwise leaving the context would wait for the rest of the body


# The first match counts, because some of aiohttp's classes are subclasses of others.
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
