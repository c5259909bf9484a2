"""The pause of a loop: as long as asked for, ended by its event, and without a trace."""

import asyncio

import pytest

from shared.process.waiting import wait_or_stop

LONG = 60.0  # far more than a test may take
SHORT = 0.05


async def test_the_wait_lasts_as_long_as_asked_for_and_says_that_nothing_came() -> None:
    """Without the event, the wait takes its seconds and answers False."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert not await wait_or_stop(asyncio.Event(), SHORT)
    assert loop.time() - began >= SHORT * 0.9


async def test_an_event_that_is_set_already_is_not_waited_for() -> None:
    """A set event answers True at once, also where no time at all was given."""
    event = asyncio.Event()
    event.set()
    async with asyncio.timeout(5):
        assert await wait_or_stop(event, LONG)
        assert await wait_or_stop(event, 0)


async def test_setting_the_event_ends_the_wait() -> None:
    """An event that is set meanwhile ends even a long wait, with True."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(SHORT, event.set)
    async with asyncio.timeout(5):
        assert await wait_or_stop(event, LONG)


@pytest.mark.parametrize("seconds", [0, -1.0])
async def test_no_time_left_is_no_wait(seconds: float) -> None:
    """A wait whose time is over before it begins ends at once."""
    async with asyncio.timeout(5):
        assert not await wait_or_stop(asyncio.Event(), seconds)


async def test_an_event_set_as_the_time_ends_counts() -> None:
    """Where the event comes in the same turn of the loop as the end of the time, the answer is True."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_soon(event.set)
    assert await wait_or_stop(event, 0)


async def test_no_task_is_left_behind() -> None:
    """Neither a wait that ended early nor one that ran out leaves a task on the loop."""
    before = asyncio.all_tasks()
    event = asyncio.Event()
    await wait_or_stop(event, 0.01)
    event.set()
    await wait_or_stop(event, LONG)
    assert asyncio.all_tasks() == before


async def test_cancelling_the_caller_is_not_taken_for_the_end_of_the_time() -> None:
    """A cancelled wait raises CancelledError, and the event can be waited for again."""
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_or_stop(event, LONG))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    event.set()
    assert await wait_or_stop(event, LONG)


async def test_all_who_wait_are_woken() -> None:
    """One event ends the waits of all loops of a service."""
    event = asyncio.Event()
    waiting = [asyncio.create_task(wait_or_stop(event, LONG)) for _ in range(3)]
    await asyncio.sleep(0)
    event.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [True, True, True]
