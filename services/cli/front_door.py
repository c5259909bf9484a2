"""An HTTP client of intake and stats, as the pipeline's users are."""

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


class Refused(LaksaError):  # noqa: N818  # named after what happened
    """A final refusal; the message has the status and the problem's code."""


class TryAgain(TransientError):  # noqa: N818  # named after what to do
    """No answer, or one that asks to try again; ``after`` is the answer's Retry-After in seconds, if it has one."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class FrontDoor:
    """Sends to intake and asks stats."""

    def __init__(
        self, session: aiohttp.ClientSession, *, services: Mapping[str, str], api_keys: Mapping[str, str]
    ) -> None:
        self._session = session
        self._services = services
        self._api_keys = api_keys

    async def send(self, request: ReferenceRequest) -> dict[str, Any]:
        """Send a report or a call as its channel would and return the body of the 202.

        Raises:
            TryAgain: intake is down, full, or busy with the same report; sending again is harmless.
            Refused: intake refuses it for good.
        """
        return await self._exchange(
            "POST",
            self._services["intake"] + PATHS[request.kind],
            json=request.body,
            headers={"X-API-Key": self._api_keys[request.channel]},
        )

    async def send_until_accepted(self, request: ReferenceRequest, *, seconds: float | None = None) -> dict[str, Any]:
        """Send again for as long as intake says "not now", or for so many seconds; the answer of the 202.

        Raises:
            TryAgain: the time is up.
            Refused: intake says no for good.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TryAgain),
            wait=pause_before,
            stop=stop_never if seconds is None else stop_after_delay(seconds),
            reraise=True,
        )
        return await retrying(self.send, request)

    async def ask_stats(self, path: str) -> dict[str, Any]:
        """The answer of stats to a path.

        Raises:
            TryAgain: it does not answer, or does not know the answer yet.
            Refused: it refuses for good.
        """
        return await self._exchange("GET", self._services["stats"] + path)

    async def read_metrics(self, service: str) -> str:
        """A service's metrics in the text format of Prometheus.

        Raises:
            TryAgain: it does not answer.
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
    """What intake asked for, or longer each time; never quite the same for all who were refused together."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, TryAgain) and error.after is not None:
        return error.after + random.uniform(0, FIRST_PAUSE)  # noqa: S311  # jitter is no secret
    return wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=FIRST_PAUSE)(state)


async def _error_of(answer: aiohttp.ClientResponse) -> TryAgain | Refused:
    try:
        problem = await answer.json(content_type=None)
    except ValueError:
        problem = {}
    code = problem.get("code", "") if isinstance(problem, dict) else ""
    faults = problem.get("errors", []) if isinstance(problem, dict) else []
    said = f"{answer.status} {code}" + (f" {faults}" if faults else "")
    if answer.status in {408, 409, 425, 429} or answer.status >= 500 or code == "not_yet_known":  # noqa: PLR2004  # HTTP
        return TryAgain(said, _seconds(answer.headers.get("Retry-After")))
    return Refused(said)


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None or not retry_after.isdigit():
        return None
    return min(float(retry_after), LONGEST_RETRY_AFTER)
