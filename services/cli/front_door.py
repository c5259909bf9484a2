"""An HTTP client of intake and stats."""

import random
from collections.abc import Mapping
from typing import Any

import aiohttp
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
    stop_never,
    wait_exponential_jitter,
)

from services.cli.reference.synthetic_reports import ReferenceRequest
from shared.errors import LaksaError, TransientError

FROM_MONTH, TO_MONTH = "2024-01", "2024-07"  # the months of the published 112 table
CONSERVATION = "/v1/conservation"
TABLE = f"/v1/stats/112?from={FROM_MONTH}&to={TO_MONTH}"
PATHS = {"report": "/v1/reports", "call": "/v1/calls"}
LONGEST_RETRY_AFTER = 10.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0
TIMEOUT = aiohttp.ClientTimeout(total=10)


class Refused(LaksaError):  # noqa: N818  # named after the result
    """A final refusal; the message has the status and the problem's code."""


class TryAgain(TransientError):  # noqa: N818  # named after the action
    """No response, or one that permits a retry; ``after`` is its Retry-After in seconds, if it has one."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class FrontDoor:
    """Sends requests to intake and stats."""

    def __init__(
        self, session: aiohttp.ClientSession, *, services: Mapping[str, str], api_keys: Mapping[str, str]
    ) -> None:
        self._session = session
        self._services = services
        self._api_keys = api_keys

    async def send(self, request: ReferenceRequest) -> dict[str, Any]:
        """Send a report or a call as its channel and return the body of the 202.

        Raises:
            TryAgain: intake is down, full, or busy with the same report; a repeat is safe.
            Refused: intake refuses the request finally.
        """
        return await self._exchange(
            "POST",
            self._services["intake"] + PATHS[request.kind],
            json=request.body,
            headers={"X-API-Key": self._api_keys[request.channel]},
        )

    async def send_until_accepted(self, request: ReferenceRequest, *, seconds: float | None = None) -> dict[str, Any]:
        """Repeat `send` on `TryAgain` until the time limit; returns the body of the 202.

        Raises:
            TryAgain: the time limit is over.
            Refused: intake refuses the request finally.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TryAgain),
            wait=pause_before,
            stop=stop_never if seconds is None else stop_after_delay(seconds),
            reraise=True,
        )
        return await retrying(self.send, request)

    async def ask_stats(self, path: str) -> dict[str, Any]:
        """The response of stats to a path.

        Raises:
            TryAgain: stats does not respond, or does not know the report yet.
            Refused: stats refuses the request finally.
        """
        return await self._exchange("GET", self._services["stats"] + path)

    async def read_metrics(self, service: str) -> str:
        """A service's metrics in the text format of Prometheus.

        Raises:
            TryAgain: the service does not respond.
        """
        try:
            async with self._session.get(f"{self._services[service]}/metrics", timeout=TIMEOUT) as answer:
                answer.raise_for_status()
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TryAgain(f"{service} does not answer") from error

    async def _exchange(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        try:
            async with self._session.request(method, url, timeout=TIMEOUT, **options) as answer:
                if answer.ok:
                    read: dict[str, Any] = await answer.json(content_type=None)
                    return read
                raise await _error_of(answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise TryAgain(f"No answer ({type(error).__name__})") from error


def pause_before(state: RetryCallState) -> float:
    """Seconds to wait: Retry-After, or else a growing time; jitter spreads the retries of several clients."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, TryAgain) and error.after is not None:
        return error.after + random.uniform(0, FIRST_PAUSE)  # noqa: S311  # jitter needs no secure random numbers
    return wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=FIRST_PAUSE)(state)


async def _error_of(answer: aiohttp.ClientResponse) -> TryAgain | Refused:
    try:
        problem = await answer.json(content_type=None)
    except ValueError:
        problem = {}
    code = problem.get("code", "") if isinstance(problem, dict) else ""
    faults = problem.get("errors", []) if isinstance(problem, dict) else []
    message = f"{answer.status} {code}" + (f" {faults}" if faults else "")
    if answer.status in {408, 409, 425, 429} or answer.status >= 500 or code == "not_yet_known":  # noqa: PLR2004  # HTTP
        return TryAgain(message, _seconds(answer.headers.get("Retry-After")))
    return Refused(message)


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None or not retry_after.isdigit():
        return None
    return min(float(retry_after), LONGEST_RETRY_AFTER)
