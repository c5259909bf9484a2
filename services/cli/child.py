"""One process under the supervisor: started, read, started again whenever it ends, and stopped."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from services.cli.merged_log import MergedLog
from shared.broker import bound_to_parent
from shared.errors import LaksaError

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
WELL_SECONDS = 20.0  # who has run this long may fail again with a short pause
POLL_SECONDS = 0.1
READ_BYTES = 65_536
LONGEST_LINE = 262_144  # what a process writes without a line end is shown in pieces


class ChildNotReady(LaksaError):  # noqa: N818  # named after what happened
    """A process did not become ready in time; the message names its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a name for the log, the command, and its whole environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    url: str | None = None
    inherited_files: Sequence[int] = ()
    stop_seconds: float = 4.0


class Child:
    """A program that is kept running until it is told to stop.

    ``changed`` is called after each start, so that the new pid can be told to whoever wants to know.
    """

    def __init__(self, program: Program, log: MergedLog, changed: Callable[[], None]) -> None:
        self.program = program
        self._log = log
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it, and keep it running from now on. Call from the main thread: see `bound_to_parent`."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def wait_ready(self, session: aiohttp.ClientSession, seconds: float) -> None:
        """Return once its ``/health/ready`` says yes.

        Raises:
            ChildNotReady: the time is up.
        """
        said = "no answer"
        try:
            async with asyncio.timeout(seconds):
                while (said := await self._ask(session)) != "ready":
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise ChildNotReady(f"{self.name} is not ready after {seconds:g} s: {said}") from error

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not end it in time; then nothing of it is left."""
        self._stopping = True
        if self._keeper is None:
            return
        if self.pid is not None:
            self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self._keeper}, timeout=self.program.stop_seconds)
        if not done:
            self._log.say("does not stop, killing it", level="warning", process=self.name)
            self.kill()
            await asyncio.wait({self._keeper}, timeout=1.0)
        self.kill()  # whatever the process had started itself is in its process group
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeper

    def kill(self) -> None:
        """SIGKILL to the process and all of its group."""
        self._stopping = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while self._process is not None:
            started = loop.time()
            status = await self._read_until_end(self._process)
            if self._stopping:
                return
            if loop.time() - started > WELL_SECONDS:
                pause = FIRST_PAUSE
            self._log.say(
                "ended unasked, starting it again", level="error", process=self.name, how=_how(status), pause_s=pause
            )
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)
            if self._stopping:
                return
            await self._spawn()

    async def _spawn(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("The kernel would end the child with this thread")
        bound = [sys.executable, "-I", "-S", bound_to_parent.__file__, str(os.getpid()), *self.program.command]
        self._process = await asyncio.create_subprocess_exec(
            *bound,
            cwd=self.program.folder,
            env=dict(self.program.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for the supervisor alone
            pass_fds=self.program.inherited_files,
        )
        self._changed()

    async def _read_until_end(self, process: asyncio.subprocess.Process) -> int:
        reading = asyncio.create_task(self._read(process))
        status = await process.wait()
        # What the process itself had started may hold the pipe open: its last lines are waited for, not its end.
        await asyncio.wait({reading}, timeout=1.0)
        reading.cancel()
        return status

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        stream = process.stdout
        rest = b""
        while stream is not None and (piece := await stream.read(READ_BYTES)):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._log.take(self.name, line)
            if len(rest) > LONGEST_LINE:
                self._log.take(self.name, rest)
                rest = b""
        if rest:
            self._log.take(self.name, rest)

    async def _ask(self, session: aiohttp.ClientSession) -> str:
        if self.pid is None:
            return "it is not running"
        try:
            async with session.get(
                f"{self.program.url}/health/ready", timeout=aiohttp.ClientTimeout(total=3)
            ) as answer:
                return "ready" if answer.ok else (await answer.text())[:300]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"no answer ({type(error).__name__})"

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
