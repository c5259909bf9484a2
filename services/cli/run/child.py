"""One process under the supervisor: started, its output read, restarted whenever it ends, and stopped."""

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

from services.cli.run.embedded_kafka import bound_to_parent
from services.cli.run.merged_log import MergedLog
from shared.errors import LaksaError
from shared.process.waiting import wait_or_stop

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
WELL_SECONDS = 20.0  # a process that ran this long is restarted after the first pause again
POLL_SECONDS = 0.1
READ_BYTES = 65_536
LONGEST_LINE = 262_144  # a longer line is logged in pieces


class ChildNotReady(LaksaError):  # noqa: N818  # named after what happened
    """A process did not become ready in time; the message names its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a name for the log, the command and its whole environment; root runs it as ``user``."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    url: str | None = None
    inherited_files: Sequence[int] = ()
    stop_seconds: float = 4.0
    stop_signal: signal.Signals = signal.SIGTERM
    user: str | None = None


class Child:
    """A program that is kept running until it is told to stop.

    ``changed`` is called after each start, so that the new process id can be written down.
    """

    def __init__(self, program: Program, log: MergedLog, changed: Callable[[], None]) -> None:
        self.program = program
        self._log = log
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and keep it running. Call from the main thread: see `bound_to_parent`."""
        await self._spawn()
        self._changed()
        self._keeper = asyncio.create_task(self._keep())

    async def run_once(self) -> int:
        """Start it, wait for its end and return its exit status. Call from the main thread."""
        await self._spawn()
        if self._process is None:
            raise RuntimeError("The process was just started")
        try:
            return await self._read_until_end(self._process)
        finally:
            self.kill()

    async def wait_ready(self, session: aiohttp.ClientSession, seconds: float) -> None:
        """Return once its ``/health/ready`` answers 200.

        Raises:
            ChildNotReady: the time is up.
        """
        said = "no answer"
        try:
            async with asyncio.timeout(seconds):
                while (said := await self._ask(session)) != "ready":
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise ChildNotReady(
                f"{self.name} is not ready after {seconds:g} s: {said}. Its log is {self._log.log_file(self.name)}"
            ) from error

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL if it does not end in time. Its whole process group is gone afterwards."""
        self._stopping.set()
        if self._keeper is None:
            return
        if self.pid is not None:
            self._signal(self.program.stop_signal)
        done, _ = await asyncio.wait({self._keeper}, timeout=self.program.stop_seconds)
        if not done:
            self._log.alert("did not stop in time, killing it", process=self.name, after_s=self.program.stop_seconds)
            self.kill()
            await asyncio.wait({self._keeper}, timeout=1.0)
        self.kill()  # processes that it started itself are in its process group
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeper

    def kill(self) -> None:
        """Send SIGKILL to the process and all of its group."""
        self._stopping.set()
        if self._process is not None:
            _kill_group(self._process)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while self._process is not None:
            started = loop.time()
            status = await self._read_until_end(self._process)
            if self._stopping.is_set():
                return
            if loop.time() - started > WELL_SECONDS:
                pause = FIRST_PAUSE
            self._log.alert(
                "ended unexpectedly, starting it again",
                level="error",
                process=self.name,
                how=_how(status),
                pause_s=pause,
            )
            pause = await self._spawn_again(pause)

    async def _spawn_again(self, pause: float) -> float:
        """Start it after a pause, and after longer ones if that fails; a stop ends the wait. Returns the next pause."""
        while not await wait_or_stop(self._stopping, pause):
            pause = min(LONGEST_PAUSE, pause * 2)
            try:
                await self._spawn()
            except OSError as error:  # no memory, no file descriptors, no folder any more
                self._say_failed("cannot be started, trying again", error, pause_s=pause)
                continue
            if self._stopping.is_set():
                self.kill()  # stopped while it was being started
            else:
                self._tell_restart()
            break
        return pause

    def _tell_restart(self) -> None:
        self._log.step(f"{self.name} was started again (process {self.pid})")
        try:
            self._changed()
        except OSError as error:  # such as a full disk
            self._say_failed("was started again, but its new process id could not be written to run.json", error)

    def _say_failed(self, message: str, error: OSError, **values: object) -> None:
        self._log.alert(message, level="error", process=self.name, why=error.strerror, **values)

    async def _spawn(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("Start children from the main thread: the kernel ends them with the thread that did")
        user = [f"{bound_to_parent.USER}{self.program.user}"] if self.program.user else []
        bound = [sys.executable, "-I", "-S", bound_to_parent.__file__, str(os.getpid()), *user, *self.program.command]
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

    async def _read_until_end(self, process: asyncio.subprocess.Process) -> int:
        reading = asyncio.create_task(self._read(process))
        ending = asyncio.create_task(process.wait())
        try:
            # Processes that it started itself may hold the pipe open; wait() then returns long after its end.
            while process.returncode is None:
                await asyncio.wait({ending}, timeout=POLL_SECONDS)
            _kill_group(process)
            await asyncio.wait({reading}, timeout=1.0)  # for its last lines
        finally:
            reading.cancel()
            ending.cancel()
        return process.returncode

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


async def run_to_its_end(program: Program, log: MergedLog) -> None:
    """Run a program that ends by itself, with its output in the log. It is killed if the caller is cancelled.

    Raises:
        ChildNotReady: it ended with another exit status than 0.
    """
    child = Child(program, log, lambda: None)
    status = await child.run_once()
    if status != 0:
        raise ChildNotReady(f"{program.name} failed ({_how(status)}). Its log is {log.log_file(program.name)}")


def _kill_group(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
