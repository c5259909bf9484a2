"""A lock that allows one broker per data folder."""

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from services.cli.run.embedded_kafka.errors import DataInUseError

DYING_BROKER_S = 10.0  # how long the kernel may take to end the Kafka of a supervisor that was killed
POLL_S = 0.05


class DataLock:
    """An advisory lock on a file in the data folder; the file contains the owner's process id.

    Kafka inherits the open file, so the lock lasts as long as the supervisor or Kafka runs, and the kernel releases it
    when both have ended: after ``kill -9`` there is no stale lock to remove.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The open file that a child must inherit, while the lock is held."""
        if self._descriptor is None:
            raise DataInUseError(f"{self._path} is not locked by this process: call prepare() first")
        return self._descriptor

    def acquire(self) -> Self:
        """Take the lock; does nothing if this object holds it.

        Raises:
            DataInUseError: another process holds it; the message has its id.
        """
        if self._descriptor is not None:
            return self
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Release the lock; does nothing if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _wait_for(self, descriptor: int) -> None:
        """Wait only while the owner has ended and its Kafka is still ending."""
        give_up = time.monotonic() + DYING_BROKER_S
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                owner = os.pread(descriptor, 20, 0).decode() or "unknown"
                if _is_alive(owner) or time.monotonic() > give_up:
                    raise DataInUseError(
                        f"A broker already runs on {self._path.parent} (started by process {owner}). "
                        "Stop that one, or choose another data folder"
                    ) from error
            time.sleep(POLL_S)


def _is_alive(owner: str) -> bool:
    if not owner.isdigit():
        return False
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
