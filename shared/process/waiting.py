"""A wait that an event ends early: the pause of every loop that runs until the service stops."""

import asyncio


async def wait_or_stop(event: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set, at most so many seconds; returns whether it is set.

    Without a task of its own, unlike ``asyncio.wait_for(event.wait(), …)`` up to Python 3.11: loops call it all day.
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return event.is_set()
