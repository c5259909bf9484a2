"""Background tasks of a service: started with it, watched while it serves, stopped with it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from shared.errors import ConfigurationError
from shared.observability.logs import logger

log = logger(__name__)

LEAVE_SECONDS = 17.0  # of the 20 s in which a service ends (promise W3)
LEAST_SECONDS = 1.0

Background = Callable[[asyncio.Event], Awaitable[None]]


@asynccontextmanager
async def background_tasks(
    stopping: asyncio.Event, *, tasks: Sequence[Background], stop: Sequence[Callable[[], Awaitable[None]]]
) -> AsyncIterator[None]:
    """Run background loops while the service serves; on leaving, set ``stopping``, then close in the given order.

    A loop that ends with an error is logged and stops the process, so that the supervisor starts a new one.
    """
    running_tasks = [
        asyncio.create_task(_watched(task, stopping), name=getattr(task, "__qualname__", "")) for task in tasks
    ]
    try:
        yield
    finally:
        stopping.set()
        give_up_at = asyncio.get_running_loop().time() + LEAVE_SECONDS
        for close in stop:
            await close()
        left = max(LEAST_SECONDS, give_up_at - asyncio.get_running_loop().time())
        late = (await asyncio.wait(running_tasks, timeout=left))[1] if running_tasks else ()
        for task in late:  # for example it waits for Kafka; its unfinished work is repeated after the next start
            log.warning("A background task did not stop in time and is cancelled", task=task.get_name())
            task.cancel()
        await asyncio.gather(*running_tasks, return_exceptions=True)


async def _watched(task: Background, stopping: asyncio.Event) -> None:
    try:
        await task(stopping)
    except Exception as error:
        settings = _settings_error(error)
        if settings is not None:
            log.critical("Invalid configuration, the service stops", what=str(settings))
        else:
            log.critical("A background task failed, the service stops", exc_info=True)
        signal.raise_signal(signal.SIGTERM)
        raise


def _settings_error(error: Exception) -> ConfigurationError | None:
    """The configuration error among what one task or the tasks of a group raised."""
    if isinstance(error, ExceptionGroup):
        return next((found for one in error.exceptions if (found := _settings_error(one)) is not None), None)
    return error if isinstance(error, ConfigurationError) else None
