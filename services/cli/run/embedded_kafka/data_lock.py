"""One broker per data folder, whatever died how."""

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from services.cli.run.embedded_kafka.errors import DataInUseError

DYING_BROKER_S = 10.0  # how long a killed supervisor's Kafka may need until the kernel has ended it
POLL_S = 0.05


class DataLock:
    """An advisory lock on a file in the data folder that names its owner.

    Kafka inherits the open file, so the lock lasts as long as the supervisor or Kafka does, and the kernel frees it
    when both are gone: there is no stale lock to remove after ``kill -9``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The open file that a child must inherit. Only while held."""
        if self._descriptor is None:
            raise DataInUseError(f"{self._path} is not locked by this process: call prepare() first")
        return self._descriptor

    def acquire(self) -> Self:
        """Take the lock; again by the same holder does nothing.

        Raises:
            DataInUseError: another process has it; the message says which.
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
        """Let go; does nothing if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _wait_for(self, descriptor: int) -> None:
        """Wait only while the owner is gone and its Kafka is still being ended."""
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
