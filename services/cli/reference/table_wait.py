"""Waiting until stats shows the whole 112 table."""

import asyncio
from typing import Any

from services.cli.front_door import TABLE, FrontDoor, TryAgain
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.errors import LaksaError

TABLE_SECONDS = 120.0
POLL_SECONDS = 0.2


async def wait_for_table(door: FrontDoor, *, advice: str) -> dict[str, Any]:
    """Return the table once it counts all calls, or the last answer when the time is up.

    Raises:
        LaksaError: stats did not answer at all; the message ends with ``advice``.
    """
    answer: dict[str, Any] = {}
    try:
        async with asyncio.timeout(TABLE_SECONDS):
            while answer.get("total", 0) < CALLS_112_TANGERANG_2024.total:
                answer = await _ask(door) or answer
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        if not answer:
            raise LaksaError(f"stats gave no answer in {TABLE_SECONDS:g} s: {advice}") from None
    return answer


async def _ask(door: FrontDoor) -> dict[str, Any] | None:
    try:
        return await door.ask_stats(TABLE)
    except TryAgain:
        return None
