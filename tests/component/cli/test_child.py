"""A child is restarted, its output is read to the last line, and it ends with all processes that it started."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import aiohttp
import psutil
import pytest
from rich.console import Console

from services.cli.keys import load_secrets, write_configuration
from services.cli.layout import Layout
from services.cli.run import child
from services.cli.run.child import Child, ChildNotReady, Program
from services.cli.run.merged_log import MergedLog
from services.cli.run.plan import Plan
from services.cli.run.ports import choose_ports
from tests.support.receivers import answer, receiver
from tests.support.waiting import eventually

WAIT = "import time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
POLITE = """
import signal, sys, time
def end(*_):
    print("bye", end="")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""
PARENT = """
import subprocess, time
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""
ENOUGH = 10.0


@dataclass
class Watched:
    """Children, their log, and their reported process ids."""

    folder: Path
    screen: StringIO = field(default_factory=StringIO)
    pids: list[int | None] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the log."""
        self.log = MergedLog(Console(file=self.screen, width=600), self.folder, show_lines=True)

    def child(self, source: str, *, stop_seconds: float = ENOUGH, url: str | None = None) -> Child:
        """A child that runs Python code."""
        command = [sys.executable, "-I", "-S", "-c", source]
        return self.of(Program("it", command, {}, self.folder, url=url, stop_seconds=stop_seconds))

    def of(self, program: Program) -> Child:
        """A child that runs a program."""
        made = Child(program, self.log, lambda: self.pids.append(made.pid))
        self.children.append(made)
        return made

    async def started(self, source: str, *, stop_seconds: float = ENOUGH) -> Child:
        """A child that has printed its first line."""
        made = self.child(source, stop_seconds=stop_seconds)
        await made.start()
        await eventually(lambda: bool(self.lines))
        return made

    @property
    def lines(self) -> list[str]:
        """The lines that it has printed."""
        file = self.folder / "it.log"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def logged(self, words: str) -> list[str]:
        """The supervisor's lines that contain this text."""
        return [line for line in self.screen.getvalue().splitlines() if words in line]


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """Children that are killed at the end of the test."""
    made = Watched(tmp_path)
    yield made
    for started in made.children:
        started.kill()
        await started.stop()
    made.log.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the pauses a hundred times shorter."""
    monkeypatch.setattr(child, "FIRST_PAUSE", child.FIRST_PAUSE / 100)
    monkeypatch.setattr(child, "LONGEST_PAUSE", child.LONGEST_PAUSE / 100)


def is_gone(pid: int) -> Callable[[], bool]:
    """Whether a process has ended, reaped or not."""

    def look() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    return look


@pytest.mark.usefixtures("quick")
async def test_what_ends_is_started_again_after_ever_longer_pauses(watched: Watched) -> None:
    """Each end is reported with its exit status; the pauses double up to the longest, 5 s."""
    await watched.child("print('up'); raise SystemExit(3)").start()
    await eventually(lambda: len(watched.logged("pause_s=0.05")) >= 2, ENOUGH)
    ends = watched.logged("ended unexpectedly, starting it again")
    pauses = [float(line.partition("pause_s=")[2].partition(" ")[0]) for line in ends]
    assert pauses[:7] == [0.0025, 0.005, 0.01, 0.02, 0.04, 0.05, 0.05]
    assert all("ERROR" in line and "how=exit status 3" in line for line in ends)
    assert len(watched.lines) >= len(ends)
    assert child.LONGEST_PAUSE * 100 == 5.0


@pytest.mark.usefixtures("quick")
async def test_who_has_run_well_is_started_again_at_once(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a long run the pause before a restart is the shortest again."""
    monkeypatch.setattr(child, "WELL_SECONDS", 0.0)
    await watched.child("print('up')").start()
    await eventually(lambda: len(watched.logged("ended unexpectedly")) >= 4)
    assert all("pause_s=0.0025" in line for line in watched.logged("ended unexpectedly"))


async def test_a_killed_one_comes_back_under_a_new_id_that_is_told(watched: Watched) -> None:
    """The log names SIGKILL; the new process id is passed on after each start."""
    it = await watched.started(WAIT)
    first = it.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: len(watched.lines) == 2)
    assert watched.pids == [first, it.pid]
    assert it.pid not in {None, first}
    assert len(watched.logged("how=SIGKILL")) == 1


@pytest.mark.usefixtures("quick")
async def test_what_cannot_be_started_is_tried_until_it_can(watched: Watched, tmp_path: Path) -> None:
    """A failed restart is reported and tried again; here the folder to start in is missing for a while."""
    folder = tmp_path / "its"
    folder.mkdir()
    it = watched.of(Program("it", [sys.executable, "-I", "-S", "-c", WAIT], {}, folder))
    await it.start()
    await eventually(lambda: len(watched.lines) == 1)
    folder.rmdir()
    os.kill(it.pid or 0, signal.SIGKILL)
    await eventually(lambda: len(watched.logged("cannot be started, trying again")) >= 2)
    assert it.pid is None
    folder.mkdir()
    await eventually(lambda: len(watched.lines) == 2)
    await it.stop()


@pytest.mark.usefixtures("quick")
async def test_a_pid_that_cannot_be_written_down_stops_nothing(watched: Watched) -> None:
    """If run.json cannot be written, the restarted process is nevertheless read and stopped."""
    it = await watched.started(WAIT)
    watched.pids = _FullDisk()
    os.kill(it.pid or 0, signal.SIGKILL)
    await eventually(lambda: len(watched.lines) == 2)
    assert len(watched.logged("its new process id could not be written")) == 1
    pid = it.pid or 0
    await it.stop()
    assert is_gone(pid)()


async def test_stopping_is_a_sigterm_that_is_waited_for(watched: Watched) -> None:
    """A child may finish its work after SIGTERM; its last line is logged, even without a line end."""
    it = await watched.started(POLITE)
    pid = it.pid or 0
    await it.stop()
    assert (watched.lines, it.pid, is_gone(pid)()) == (["up", "bye"], None, True)
    assert watched.logged("killing") == watched.logged("ended unexpectedly") == []
    assert len(watched.pids) == 1


async def test_a_process_that_ignores_sigterm_is_killed(watched: Watched) -> None:
    """A child that ignores SIGTERM is killed after its time limit, with a log line."""
    it = await watched.started(DEAF, stop_seconds=0.2)
    pid = it.pid or 0
    await asyncio.wait_for(it.stop(), ENOUGH)
    assert is_gone(pid)()
    assert len(watched.logged("did not stop in time, killing it")) == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_what_it_has_started_itself_goes_with_it(watched: Watched, how: str) -> None:
    """No process of a child's group outlives it, whether it is stopped or killed."""
    it = await watched.started(PARENT)
    grandchild = int(watched.lines[0])
    assert not is_gone(grandchild)()
    if how == "stop":
        await it.stop()
    else:
        it.kill()
    await eventually(is_gone(grandchild))


async def test_what_a_dead_one_had_started_holds_up_no_restart_and_is_not_left(watched: Watched) -> None:
    """A dead child is restarted although its own children hold its output open, and they are killed."""
    it = await watched.started(PARENT)
    grandchild = int(watched.lines[0])
    os.kill(it.pid or 0, signal.SIGKILL)
    await eventually(lambda: len(watched.lines) == 2)
    await eventually(is_gone(grandchild))


async def test_one_that_pauses_before_a_restart_stops_at_once(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child in the pause before a restart stops at once and is not restarted."""
    monkeypatch.setattr(child, "FIRST_PAUSE", 600.0)
    it = watched.child("print('up')", stop_seconds=600.0)
    await it.start()
    await eventually(lambda: len(watched.logged("ended unexpectedly")) == 1)
    await asyncio.wait_for(it.stop(), ENOUGH)
    assert (watched.logged("killing"), len(watched.pids)) == ([], 1)


async def test_stopping_one_that_never_started_is_nothing(watched: Watched) -> None:
    """Stopping a child that was never started does nothing, also twice."""
    it = watched.child(WAIT)
    await it.stop()
    await it.stop()
    assert watched.pids == []


async def test_the_terminals_ctrl_c_does_not_reach_it(watched: Watched) -> None:
    """A child has its own session and process group, so the terminal's Ctrl-C does not reach it."""
    it = await watched.started(WAIT)
    pid = it.pid or 0
    assert os.getsid(pid) == os.getpgid(pid) == pid
    assert pid not in {os.getsid(0), os.getpgid(0)}


async def test_all_that_it_writes_reaches_the_log(watched: Watched) -> None:
    """The log gets both streams completely, with many lines, invalid text and a line larger than a buffer."""
    source = """
import sys, time
out, err = sys.stdout.buffer, sys.stderr.buffer
for number in range(2000):
    out.write(b"line %d \\xff\\n" % number)
out.flush()
err.write(b"from stderr\\n")
err.flush()
out.write(b"x" * 700_000)
out.flush()
time.sleep(600)
"""
    it = watched.child(source)
    await it.start()
    file = watched.folder / "it.log"
    await eventually(lambda: file.exists() and file.stat().st_size > 600_000)
    await it.stop()
    lines = file.read_bytes().split(b"\n")
    assert lines[:2000] == [b"line %d \xff" % number for number in range(2000)]
    assert lines[2000] == b"from stderr"
    assert b"".join(lines[2001:]) == b"x" * 700_000


async def test_it_is_ready_once_it_says_so(watched: Watched) -> None:
    """A child is ready once its health check answers 200, not on failed connections or a 503."""
    async with receiver(answer(200), answer(503), answer(503)) as health, aiohttp.ClientSession() as session:
        it = watched.child(WAIT, url=f"http://127.0.0.1:{health.port}")
        await it.start()
        await it.wait_ready(session, ENOUGH)
        assert [push.path for push in health.pushes] == ["/health/ready"] * 3


@pytest.mark.parametrize(("source", "reason"), [(WAIT, "Kafka is away"), ("raise SystemExit(1)", "it is not running")])
async def test_what_does_not_get_ready_is_said_with_its_last_answer(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    """The error names the process and the last reason why it is not ready."""
    monkeypatch.setattr(child, "FIRST_PAUSE", 600.0)
    async with receiver(answer(503, body=b"Kafka is away")) as health, aiohttp.ClientSession() as session:
        it = watched.child(source, url=f"http://127.0.0.1:{health.port}")
        await it.start()
        with pytest.raises(ChildNotReady, match=f"it is not ready after 0.5 s: {reason}"):
            await it.wait_ready(session, 0.5)


async def test_a_program_of_the_plan_starts_and_stops(watched: Watched, tmp_path: Path) -> None:
    """The call centre as the plan describes it: ready on its port, logs JSON, stops within its time limit."""
    layout = Layout(tmp_path)
    plan = Plan(layout, choose_ports(layout, usual_first=False), {})
    write_configuration(layout, load_secrets(layout), plan.url("call-centre"))
    it = watched.of(plan.program("call-centre"))
    await it.start()
    async with aiohttp.ClientSession() as session:
        await it.wait_ready(session, 60.0)
        async with session.post(plan.url("call-centre") + "/push/bpbd-callcentre", data=b"{}") as response:
            assert response.status == 401
    pid = it.pid or 0
    await it.stop()
    assert is_gone(pid)()
    assert watched.logged("killing") == []
    assert len(watched.logged("WARNING A push without a valid signature endpoint=bpbd-callcentre")) == 1


class _FullDisk(list[int | None]):
    def append(self, _pid: int | None) -> None:
        """Fail like a write on a full disk."""
        raise OSError(28, "No space left on device")
