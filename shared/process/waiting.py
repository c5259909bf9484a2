"""A pause that an event ends early, for loops that run until the service stops."""

import asyncio


async def wait_or_stop(event: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set, at most so many seconds; returns whether it is set.

    It creates no task, unlike ``asyncio.wait_for(event.wait(), …)`` before Python 3.12.
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return event.is_set()
