"""A command in a terminal of its own, so that Ctrl-C can be typed into it."""

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import eventually

CTRL_C = b"\x03"
WIDTH = 120


@dataclass
class Terminal:
    """What runs in it, and what it has shown."""

    process: asyncio.subprocess.Process
    keyboard: int
    shown: bytearray

    @property
    def text(self) -> str:
        """Everything shown so far."""
        return self.shown.decode(errors="replace")

    async def shows(self, what: str, seconds: float) -> None:
        """Return once a text was shown; fails with what was shown where the command ends or the time is up."""

        def is_shown() -> bool:
            if what in self.text:
                return True
            assert self.process.returncode is None, self.text
            return False

        try:
            await eventually(is_shown, seconds)
        except AssertionError as error:
            raise AssertionError(f"{what!r} is not among:\n{self.text}") from error

    def type(self, keys: bytes) -> None:
        """Press keys. Ctrl-C goes to the whole foreground group, as in any terminal."""
        os.write(self.keyboard, keys)

    async def ends(self, seconds: float) -> int:
        """The exit status, once it has ended.

        Raises:
            TimeoutError: it has not.
        """
        return await asyncio.wait_for(self.process.wait(), seconds)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # or Ctrl-C would be a byte like any other


@asynccontextmanager
async def terminal(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> AsyncIterator[Terminal]:
    """Run a command in a terminal; what still runs in the end is killed."""
    keyboard, screen = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": str(WIDTH)},
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(screen)
    shown = bytearray()
    loop = asyncio.get_running_loop()

    def read() -> None:
        with contextlib.suppress(OSError):
            if data := os.read(keyboard, 65_536):
                shown.extend(data)
                return
        loop.remove_reader(keyboard)  # nobody holds the other end any more

    loop.add_reader(keyboard, read)
    try:
        yield Terminal(process, keyboard, shown)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
        loop.remove_reader(keyboard)
        os.close(keyboard)
