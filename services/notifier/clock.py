"""Time that does not jump."""

import time
from collections.abc import Callable

Now = Callable[[], float]  # seconds since 1970 UTC


def steady_clock() -> Now:
    """The wall clock's time at this call, carried on by the monotonic clock.

    A schedule stored as wall time survives a restart, and a clock set back by an hour while the process runs does not
    hold an emergency back for an hour.
    """
    start = time.time() - time.monotonic()
    return lambda: start + time.monotonic()
