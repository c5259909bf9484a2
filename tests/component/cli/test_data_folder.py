"""A data folder has one supervisor at a time, and the leftovers of a killed one are cleared."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.cli import run_file
from services.cli.layout import Layout, only_supervisor
from services.cli.run_file import RunInfo, clear_leftovers, read_run_file, write_run_file
from services.cli.settings import PROJECT
from shared.errors import ConfigurationError
from tests.support.waiting import eventually

HOLD = """
import sys
from pathlib import Path
from services.cli.layout import Layout, only_supervisor
with only_supervisor(Layout(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""
HOUR = 3600.0


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty data folder."""
    return Layout(tmp_path)


@contextmanager
def process(*command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is killed at the end of the test."""
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as made:
        try:
            yield made
        finally:
            made.kill()


def info(**pids: int) -> RunInfo:
    """The run file's content for these processes."""
    return RunInfo("127.0.0.1:9092", {"intake": "http://127.0.0.1:8100"}, pids, {"laksa": "key"})


def ended_pid() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", ""]) as ended:
        ended.wait()
    return ended.pid


def taken(layout: Layout) -> bool:
    """Whether the folder is locked now."""
    try:
        with only_supervisor(layout):
            return False
    except ConfigurationError:
        return True


async def test_a_second_supervisor_is_refused_until_the_first_is_killed(layout: Layout) -> None:
    """The error names the process that locks the folder; a SIGKILL of it unlocks the folder."""
    with process(sys.executable, "-c", HOLD, str(layout.root)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        for _ in range(2):  # a refused one changes nothing
            with pytest.raises(ConfigurationError, match=rf"\(process {holder.pid}\)\. Stop that one"):
                only_supervisor(layout).__enter__()
        holder.send_signal(signal.SIGKILL)
        await eventually(lambda: not taken(layout))


def test_the_folder_is_free_again_after_an_error(layout: Layout) -> None:
    """After an error the folder is unlocked, and a shorter pid completely replaces a longer one."""
    layout.lock.write_text("12345678901234567890", encoding="utf-8")
    with contextlib.suppress(ZeroDivisionError), only_supervisor(layout):
        assert layout.lock.read_text(encoding="utf-8") == str(os.getpid())
        raise ZeroDivisionError
    assert not taken(layout)


def test_two_folders_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Supervisors on two data folders can run at the same time."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with only_supervisor(Layout(tmp_path / "a")), only_supervisor(Layout(tmp_path / "b")):
        assert taken(Layout(tmp_path / "a"))


def test_the_run_file_is_read_as_it_was_written(layout: Layout) -> None:
    """The run file is read back unchanged, and only its owner can read it."""
    written = info(supervisor=os.getpid(), intake=1)
    write_run_file(layout, written)
    assert read_run_file(layout) == written
    assert stat.S_IMODE(layout.run_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("killed", [True, False])
def test_where_nothing_runs_it_is_said_how_to_start(layout: Layout, *, killed: bool) -> None:
    """Without a file, or with that of a killed supervisor, the error says how to start the pipeline."""
    if killed:
        write_run_file(layout, info(supervisor=ended_pid()))
    with pytest.raises(ConfigurationError, match=r"Nothing runs on .* Start it with `make run`"):
        read_run_file(layout)


def test_without_leftovers_there_is_nothing_to_clear(layout: Layout) -> None:
    """After an orderly stop there are no leftovers."""
    assert clear_leftovers(layout) == []


def test_what_is_dying_is_waited_for(layout: Layout) -> None:
    """Clearing waits for a child that is about to end, and deletes the old file."""
    with process("sleep", "0.4") as dying:
        write_run_file(layout, info(supervisor=ended_pid(), intake=dying.pid))
        assert clear_leftovers(layout) == []
        assert dying.poll() is not None
    assert not layout.run_file.exists()


def test_what_does_not_die_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is limited; processes that still run are named, and not killed."""
    monkeypatch.setattr(run_file, "DYING_SECONDS", 0.1)
    with process("sleep", "600") as other:
        write_run_file(layout, info(supervisor=ended_pid(), kafka=other.pid))
        assert clear_leftovers(layout) == ["kafka"]
        assert other.poll() is None
    assert not layout.run_file.exists()


def test_strangers_with_the_ids_of_old_are_ignored(layout: Layout) -> None:
    """Later processes with the old ids, as after a reboot, and this process are neither awaited nor named."""
    with process("sleep", "600") as stranger:
        write_run_file(layout, info(supervisor=os.getpid(), kafka=stranger.pid, intake=ended_pid()))
        written = layout.run_file.stat().st_mtime - HOUR
        os.utime(layout.run_file, (written, written))
        assert clear_leftovers(layout) == []
        assert stranger.poll() is None
