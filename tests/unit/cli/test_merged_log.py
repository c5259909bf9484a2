"""The merged log: readable and harmless lines, a quiet screen, and no terminal fault stops it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from services.cli.run import merged_log
from services.cli.run.merged_log import MergedLog, render_line

HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\n\x00\u202e[bold red]x[/nothing] "
TO_A_CLOSED_PIPE = """
import pathlib, sys, rich.console
from services.cli.run.merged_log import MergedLog
log = MergedLog(rich.console.Console(), pathlib.Path(sys.argv[1]), show_lines=True)
log.take("intake", b"one")
log.take("intake", b"two")
"""


class GoneTerminal(StringIO):
    """A terminal on which every write fails while ``fault`` is set."""

    fault: Exception | None = OSError(5, "Input/output error")

    def write(self, text: str) -> int:
        """Write, or fail."""
        if self.fault is not None:
            raise self.fault
        return super().write(text)


@pytest.fixture
def screen() -> StringIO:
    """The output of the terminal."""
    return StringIO()


@pytest.fixture
def log(screen: StringIO, tmp_path: Path) -> Iterator[MergedLog]:
    """A log that shows every line on the screen, and writes to files in the test's folder."""
    made = MergedLog(Console(file=screen, width=80), tmp_path, show_lines=True)
    yield made
    made.close()


def rendered(**fields: Any) -> str:
    """A line of intake as the terminal shows it, without colours."""
    return render_line("intake", orjson.dumps({"message": "x", **fields})).plain


def test_a_json_line_is_time_name_message_and_values() -> None:
    """A log line of a service is shown as one line, without fields that are shown elsewhere."""
    line = rendered(level="info", timestamp="2024-07-31T10:00:00+00:00", service="intake", message="Accepted", tries=2)
    clock, rest = line.split(" ", 1)
    assert [len(part) for part in clock.split(":")] == [2, 2, 2]
    assert rest.split() == ["intake", "Accepted", "tries=2"]


def test_only_levels_above_info_are_shown() -> None:
    """Warnings and errors show their level; other lines stay short."""
    assert "WARNING" in rendered(level="warning")
    assert "INFO" not in rendered(level="info")


def test_an_exception_follows_indented() -> None:
    """A traceback is shown below its line, line for line."""
    assert rendered(exception="Traceback:\n  boom").splitlines()[1:] == ["    Traceback:", "      boom"]


@pytest.mark.parametrize("line", [b"Exception in thread main", b"[1, 2]", b"{}", b'{"no": "message"}', b"3", b""])
def test_a_line_that_is_not_a_log_line_is_shown_unchanged(line: bytes) -> None:
    """Output of the JVM, a crash of the interpreter, other JSON: nothing is left out."""
    assert render_line("kafka", line).plain.endswith(line.decode())


@pytest.mark.parametrize(
    "part", ["message", "level", "timestamp", "exception", "value", pytest.param(HOSTILE, id="a name")]
)
def test_control_characters_and_markup_do_nothing(part: str) -> None:
    """No part of a line can send escape sequences or markup to the terminal."""
    text = rendered(**{part: HOSTILE})
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\n" not in text or part == "exception"
    if part not in {"level", "timestamp"}:
        assert "[bold red]x[/nothing]" in text


@given(st.binary())
def test_no_bytes_can_stop_the_log(line: bytes) -> None:
    """Any bytes that a process writes become one harmless line."""
    assert render_line("x", line).plain.isprintable()


@pytest.mark.parametrize(
    "line",
    [
        b'{"message": "x", "timestamp": "0001-01-01T00:00:00"}',
        b'{"message": "x", "timestamp": "0001-01-01T00:00:00+14:00"}',
        b'{"message": "x", "timestamp": 5, "level": {"a": []}}',
        b'{"message": "x", "deep": ' + b"[" * 600 + b"]" * 600 + b"}",
        b'{"message": "x", "big": 123456789012345678901234567890}',
        b'{"message": null, "exception": 5}',
    ],
)
def test_odd_fields_cannot_stop_the_log(line: bytes) -> None:
    """A year without local time or values nested too deeply: the rest of the line is still shown."""
    assert "intake" in render_line("intake", line).plain


def test_each_process_has_its_own_file_with_its_lines_as_they_were(
    log: MergedLog, screen: StringIO, tmp_path: Path
) -> None:
    """The files contain the unchanged bytes; Kafka's output is in kafka.out beside the log that it writes itself."""
    log.take("intake", b'{"message": "one"}')
    log.take("kafka", b"\x1b[0m\xff")
    log.take("intake", b"two")
    log.alert("three", process="intake", what=[1])
    assert (tmp_path / "intake.log").read_bytes() == b'{"message": "one"}\ntwo\n'
    assert (tmp_path / "kafka.out").read_bytes() == b"\x1b[0m\xff\n"
    assert {"one", "two", "three", "what=[1]"} <= set(screen.getvalue().split())


@pytest.mark.parametrize("size", [10, 11])
def test_a_large_file_is_set_aside_when_a_run_starts(
    log: MergedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A file above the limit is renamed, replacing the older one; smaller files are continued."""
    monkeypatch.setattr(merged_log, "KEEP_BYTES", 10)
    file, older = tmp_path / "intake.log", tmp_path / "intake.log.1"
    older.write_bytes(b"oldest")
    file.write_bytes(b"o" * size)
    log.take("intake", b"new")
    if size > 10:
        assert (older.read_bytes(), file.read_bytes()) == (b"o" * size, b"new\n")
    else:
        assert (older.read_bytes(), file.read_bytes()) == (b"oldest", b"o" * size + b"new\n")


@pytest.mark.parametrize("fault", [OSError(5, "Input/output error"), UnicodeEncodeError("ascii", "�", 0, 1, "no")])
def test_a_terminal_that_fails_loses_the_lines_on_it_and_nothing_else(tmp_path: Path, fault: Exception) -> None:
    """The files continue, unprinted lines are dropped, and a terminal that works again shows new lines."""
    screen = GoneTerminal()
    screen.fault = fault
    log = MergedLog(Console(file=screen), tmp_path, show_lines=True)
    log.take("intake", b"lost on the terminal")
    log.step("lost too")
    screen.fault = None
    log.take("intake", b"shown again")
    log.close()
    assert (tmp_path / "intake.log").read_bytes() == b"lost on the terminal\nshown again\n"
    assert "shown again" in screen.getvalue()
    assert "lost" not in screen.getvalue()


def test_a_closed_pipe_does_not_end_the_run(tmp_path: Path) -> None:
    """`laksa run | head`: rich would exit the process when the pipe is closed; the log continues without a terminal."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run([sys.executable, "-c", TO_A_CLOSED_PIPE, tmp_path], stdout=writing, check=False)
    finally:
        os.close(writing)
    assert ended.returncode == 0
    assert (tmp_path / "intake.log").read_bytes() == b"one\ntwo\n"


def test_a_full_disk_loses_the_lines_in_the_file_and_nothing_else(
    log: MergedLog, screen: StringIO, tmp_path: Path
) -> None:
    """If a file cannot be written, the process's output is still read and shown: a full pipe would block it."""
    (tmp_path / "intake.log").symlink_to("/dev/full")
    (tmp_path / "stats.log").mkdir()
    log.take("intake", b"one")
    log.take("stats", b"two")
    log.close()
    assert {"one", "two"} <= set(screen.getvalue().split())


@pytest.fixture
def quiet(screen: StringIO, tmp_path: Path) -> Iterator[MergedLog]:
    """A log that shows steps and alarms, as `make run` without LOGS=1 does."""
    made = MergedLog(Console(file=screen, width=80), tmp_path)
    yield made
    made.close()


def test_the_quiet_screen_shows_steps_and_leaves_log_lines_in_their_files(
    quiet: MergedLog, screen: StringIO, tmp_path: Path
) -> None:
    """The quiet screen shows steps only; even an ERROR of a service is only in its file."""
    quiet.step("topics are there")
    quiet.take("intake", b'{"level": "error", "message": "a critical word alone does not count"}')
    quiet.take("kafka", b"WARNING: critical")
    with quiet.waiting_for("Starting"):
        quiet.step("intake is ready")
    assert screen.getvalue() == "topics are there\nintake is ready\n"
    assert b"does not count" in (tmp_path / "intake.log").read_bytes()


def test_the_quiet_screen_shows_a_critical_line_with_its_log_file(
    quiet: MergedLog, screen: StringIO, tmp_path: Path
) -> None:
    """A critical line is shown in one line with the process, the message and the file, without the traceback."""
    quiet.take("stats", b'{"level": "critical", "message": "A background loop failed", "exception": "a\\nb"}')
    (line,) = screen.getvalue().splitlines()
    assert "stats" in line
    assert f"CRITICAL A background loop failed (log: {tmp_path / 'stats.log'})" in line


def test_the_quiet_screen_shows_what_the_supervisor_warns_of(
    quiet: MergedLog, screen: StringIO, tmp_path: Path
) -> None:
    """A warning of the supervisor about an ended process is shown with its exit status and the log file."""
    quiet.alert("ended unexpectedly", level="error", process="router-routine", how="SIGKILL")
    (line,) = screen.getvalue().splitlines()
    assert "router-routine     ERROR ended unexpectedly how=SIGKILL" in line
    assert line.endswith(f"(log: {tmp_path / 'router-routine.log'})")


def test_steps_and_alerts_are_kept_in_the_supervisors_own_file(quiet: MergedLog, tmp_path: Path) -> None:
    """Steps and alerts are also in laksa.log, as JSON like every other log."""
    quiet.step("topics are there")
    quiet.alert("ended unexpectedly", level="error", process="stats")
    step, alert = map(orjson.loads, (tmp_path / "laksa.log").read_bytes().splitlines())
    assert (step["level"], step["message"]) == ("info", "topics are there")
    assert (alert["level"], alert["message"], alert["process"]) == ("error", "ended unexpectedly", "stats")


def test_something_that_moves_is_drawn_on_a_quiet_terminal_only(tmp_path: Path) -> None:
    """A spinner is drawn only on a quiet terminal, not in a pipe or among log lines."""
    for is_terminal, show_lines in ((True, False), (True, True), (False, False)):
        screen = StringIO()
        log = MergedLog(Console(file=screen, force_terminal=is_terminal, width=80), tmp_path, show_lines=show_lines)
        with log.waiting_for("Starting Apache Kafka"):
            pass
        assert ("Starting Apache Kafka" in screen.getvalue()) is (is_terminal and not show_lines)


def test_a_terminal_that_fails_while_something_is_drawn_stops_nothing(tmp_path: Path) -> None:
    """If the terminal fails during a spinner, the work continues and its result is returned."""
    log = MergedLog(Console(file=GoneTerminal(), force_terminal=True), tmp_path)
    with log.waiting_for("Starting Apache Kafka"):
        log.take("kafka", b"line")
    assert (tmp_path / "kafka.out").read_bytes() == b"line\n"
