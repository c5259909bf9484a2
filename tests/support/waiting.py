"""Waiting for what must become true, with a deadline, instead of sleeping and hoping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.02


async def eventually(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 10.0) -> None:
    """Return once the condition holds.

    Raises:
        AssertionError: it did not in time.
    """
    give_up_at = time.monotonic() + seconds
    while True:
        holds = condition()
        if inspect.isawaitable(holds):
            holds = await holds
        if holds:
            return
        if time.monotonic() > give_up_at:
            raise AssertionError(f"Did not become true within {seconds:g} s")
        await asyncio.sleep(POLL_SECONDS)
