"""One broker per data folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.cli.run.embedded_kafka.data_lock import DataLock
from services.cli.run.embedded_kafka.errors import DataInUseError

PROJECT = Path(__file__).resolve().parents[4]
HOLDER = """
import sys
from pathlib import Path
from services.cli.run.embedded_kafka.data_lock import DataLock
lock = DataLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""
HEIR = "print('held', flush=True); import sys; sys.stdin.read()"


@contextmanager
def _process(code: str, *arguments: str, inherits: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """Another process that has printed that it holds the lock; killed with SIGKILL at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=inherits,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_holder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    """A second holder is refused with a message that names the folder, the process and the remedy."""
    path = tmp_path / "kafka" / "lock"
    with _process(HOLDER, str(path)) as other, pytest.raises(DataInUseError) as caught:
        DataLock(path).acquire()

    assert str(caught.value) == (
        f"A broker already runs on {tmp_path / 'kafka'} (started by process {other.pid}). "
        "Stop that one, or choose another data folder"
    )


def test_a_killed_holder_leaves_no_stale_lock(tmp_path: Path) -> None:
    """After a SIGKILL of the holder, the lock is free without any clean-up."""
    path = tmp_path / "lock"
    with _process(HOLDER, str(path)):
        pass

    lock = DataLock(path).acquire()

    assert path.read_text() == str(os.getpid())
    lock.release()


def test_the_lock_lasts_as_long_as_a_child_that_inherited_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Kafka that outlives its supervisor still locks its data."""
    monkeypatch.setattr("services.cli.run.embedded_kafka.data_lock.DYING_BROKER_S", 0.2)
    path = tmp_path / "lock"
    lock = DataLock(path).acquire()
    with _process(HEIR, inherits=(lock.descriptor,)):
        path.write_text("4194999")  # a pid that no process has
        lock.release()
        with pytest.raises(DataInUseError, match="started by process 4194999"):
            DataLock(path).acquire()

    DataLock(path).acquire().release()


def test_whoever_waits_gets_the_lock_when_a_dying_broker_has_ended(tmp_path: Path) -> None:
    """A supervisor that starts just after a SIGKILL waits for the old Kafka to end."""
    path = tmp_path / "lock"
    lock = DataLock(path).acquire()
    with _process("import time; print('held', flush=True); time.sleep(0.5)", inherits=(lock.descriptor,)) as heir:
        path.write_text("4194999")
        lock.release()

        DataLock(path).acquire().release()

        assert heir.wait(5) == 0


def test_the_holder_may_ask_again_and_let_go_twice(tmp_path: Path) -> None:
    """The holder may acquire the lock again, and a second release does nothing."""
    lock = DataLock(tmp_path / "lock").acquire()
    descriptor = lock.descriptor

    assert lock.acquire().descriptor == descriptor

    lock.release()
    lock.release()
    with pytest.raises(DataInUseError, match="call prepare\\(\\) first"):
        assert lock.descriptor


def test_others_on_the_machine_cannot_hold_it(tmp_path: Path) -> None:
    """Only the owner can open the lock file, so other users cannot hold the lock."""
    DataLock(tmp_path / "lock").acquire().release()

    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
