"""What a test leaves open is a failure: tasks, consumers, producers, sockets, engines, child processes.

Python reports an object that nobody closed only when it is collected, so each test module ends with a collection:
the failure names the module. pytest itself turns each `ResourceWarning` into an error (`filterwarnings` in
pyproject.toml). What asyncio and aiokafka only write to the log is collected here.
"""

import asyncio
import gc
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil

# asyncio's own messages, and those that libraries hand to the loop's exception handler
LEAK_MESSAGES = (
    "Unclosed",
    "Task was destroyed but it is pending",
    "exception was never retrieved",
    "was never awaited",
    "Event loop is closed",
)
LOGGERS = ("asyncio", "aiokafka", "aiohttp", "sqlalchemy.pool")


class LeakLog(logging.Handler):
    """Keeps each log record that tells of something left open."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message if it tells of a leak."""
        message = record.getMessage()
        if any(known in message for known in LEAK_MESSAGES):
            self._found.append(f"{record.name}: {message}")

    def take(self) -> list[str]:
        """What was found since the last call."""
        found, self._found = self._found, []
        return found


@contextmanager
def leak_log() -> Iterator[LeakLog]:
    """Listens to the loggers of asyncio and of the libraries that report leaks through it."""
    handler = LeakLog()
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
    try:
        yield handler
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(handler)


@contextmanager
def no_leaks(log: LeakLog) -> Iterator[None]:
    """Nothing that is made inside the block is left open at its end.

    Raises:
        AssertionError: names what was left open.
    """
    children = set(_children())
    tasks = set(_pending_tasks())
    yield
    left = [f"task still running: {task}" for task in _pending_tasks() if task not in tasks]
    left += [f"child process still running: {child}" for child in _children() if child not in children]
    gc.collect()
    left += log.take()
    assert not left, "left open:\n" + "\n".join(left)


def _pending_tasks() -> Iterable[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if not task.done() and task is not asyncio.current_task()]


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.is_running()]
