"""A clock that does not jump."""

import time
from collections.abc import Callable

Now = Callable[[], float]  # seconds since 1970 UTC


def steady_clock() -> Now:
    """Return a clock: the wall time of this call, continued by the monotonic clock.

    Due times are stored as wall time, so they survive a restart. A system clock that is set back by an hour while the
    process runs does not delay an emergency by an hour.
    """
    start = time.time() - time.monotonic()
    return lambda: start + time.monotonic()
