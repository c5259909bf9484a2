"""The logs of all processes, each in a file of its own, and what of them is shown on the screen.

The screen shows the steps of the run and whatever needs a person: the supervisor's own warnings and the services'
CRITICAL lines. With ``show_lines`` (``LOGS=1``) it shows every line, in colour.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BufferedWriter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
from rich.console import Console
from rich.progress import Progress
from rich.status import Status
from rich.text import Text

from services.cli.printable import printable

KEEP_BYTES = 10 * 1024 * 1024  # a log file larger than this is renamed to <name>.1 when the next run starts
SUPERVISOR = "laksa"
NAME_WIDTH = 18
SHOWN = ("timestamp", "level", "message")
HIDDEN = frozenset({"timestamp", "level", "service", "message", "logger", "exception"})

_LEVEL_STYLES: Mapping[str, str] = MappingProxyType(
    {"debug": "dim", "info": "", "warning": "yellow", "error": "bold red", "critical": "bold white on red"}
)
_NAME_STYLES: Mapping[str, str] = MappingProxyType(
    {
        "laksa": "bold",
        "kafka": "bright_black",
        "intake": "green",
        "router-emergency": "magenta",
        "router-routine": "bright_magenta",
        "notifier-emergency": "cyan",
        "notifier-routine": "bright_cyan",
        "stats": "blue",
        "call-centre": "bright_yellow",
    }
)


class MergedLog:
    """Takes every line of every process. A closed terminal or a full disk loses the lines on it and nothing else."""

    def __init__(self, console: Console, folder: Path, *, show_lines: bool = False) -> None:
        self._console = console
        self._folder = folder
        self._show_lines = show_lines
        self._files: dict[str, BufferedWriter] = {}

    def step(self, sentence: str, style: str = "") -> None:
        """Show a step of the run that is done."""
        self._keep(sentence, "info", {})
        if self._show_lines:
            self._print(render({"message": sentence}, SUPERVISOR))
        else:
            self._print(Text(printable(sentence), style=style))

    def alert(self, message: str, *, level: str = "warning", process: str, **values: object) -> None:
        """Show that something is wrong with a process, and which file holds its log."""
        self._keep(message, level, {"process": process, **values})
        self._announce({"message": message, "level": level, **values}, process)

    def take(self, name: str, line: bytes) -> None:
        """Write a process's line to its file, and show it where everything is shown or a person has to act on it."""
        self._write(name, line)
        if self._show_lines:
            self._print(render_line(name, line))
        elif b"critical" in line and (fields := parse_line(line)).get("level") == "critical":
            self._announce({key: fields[key] for key in SHOWN if key in fields}, name)

    def show(self, *things: Any, soft_wrap: bool = False) -> None:
        """Print anything that rich can print."""
        self._try(lambda: self._console.print(*things, soft_wrap=soft_wrap))

    @contextmanager
    def waiting_for(self, what: str) -> Iterator[None]:
        """Show on a terminal what is being done, for as long as it lasts."""
        with self.drawing(self._console.status(what)):
            yield

    @contextmanager
    def drawing(self, moving: Progress | Status) -> Iterator[None]:
        """Draw something that moves below the lines: only on a terminal, and not between the lines of a log."""
        is_drawn = self._console.is_terminal and not self._show_lines
        if is_drawn:
            self._try(moving.start)
        try:
            yield
        finally:
            if is_drawn:
                self._try(moving.stop)

    def log_file(self, name: str) -> Path:
        """The file that a person reads about a process; Kafka writes its own, beside what its JVM prints."""
        return self._folder / f"{name}.log"

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.close()
        self._files.clear()

    def _announce(self, fields: Mapping[str, Any], name: str) -> None:
        line = render(fields, name)
        line.append(f" (log: {printable(_short(self.log_file(name)))})", style="dim")
        self._print(line)

    def _keep(self, message: str, level: str, values: Mapping[str, object]) -> None:
        now = datetime.now(UTC).isoformat()
        line = {"timestamp": now, "level": level, "service": SUPERVISOR, "message": message, **values}
        self._write(SUPERVISOR, orjson.dumps(line, default=str))

    def _write(self, name: str, line: bytes) -> None:
        with contextlib.suppress(OSError):
            file = self._file(name)
            file.write(line + b"\n")
            file.flush()

    def _file(self, name: str) -> BufferedWriter:
        if name not in self._files:
            path = self._folder / "kafka.out" if name == "kafka" else self.log_file(name)
            if path.exists() and path.stat().st_size > KEEP_BYTES:
                path.replace(path.with_name(f"{path.name}.1"))
            self._files[name] = path.open("ab")
        return self._files[name]

    def _print(self, text: Text) -> None:
        self.show(text, soft_wrap=True)

    def _try(self, draw: Callable[[], None]) -> None:
        try:
            draw()
        except (OSError, UnicodeEncodeError):
            self._forget_unprinted()
        except SystemExit:
            pass  # rich exits where the pipe was closed, and prints nothing any more

    def _forget_unprinted(self) -> None:
        quiet, self._console.quiet = self._console.quiet, True
        self._console.print()  # rich keeps what it could not print, and empties that only while it is quiet
        self._console.quiet = quiet


def parse_line(line: bytes) -> dict[str, Any]:
    """The fields of a JSON log line; any other line is all message."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict) or "message" not in fields:
        return {"message": line.decode(errors="replace")}
    return fields


def render_line(name: str, line: bytes) -> Text:
    """One line of a process for the terminal: JSON as time, level, name, message and values; anything else as it is."""
    return render(parse_line(line), name)


def render(fields: Mapping[str, Any], name: str) -> Text:
    """Fields of a log line as coloured text. Values are data: markup and control characters in them have no effect."""
    level = str(fields.get("level", "info"))
    style = _LEVEL_STYLES.get(level, "")
    text = Text(no_wrap=True)
    text.append(f"{_clock(fields.get('timestamp'))} ", style="dim")
    text.append(f"{name:<{NAME_WIDTH}} ", style=_NAME_STYLES.get(name, ""))
    if level not in {"info", "debug"}:
        text.append(f"{printable(level.upper())} ", style=style)
    text.append(printable(str(fields["message"])), style=style)
    for key, value in fields.items():
        if key not in HIDDEN:
            text.append(f" {printable(key)}=", style="dim")
            text.append(printable(_text_of(value)))
    for line in str(fields.get("exception") or "").splitlines():
        text.append(f"\n    {printable(line)}", style="dim")
    return text


def _short(path: Path) -> str:
    """Relative to the current folder where it is below it."""
    with contextlib.suppress(OSError, ValueError):  # the current folder is gone, or the file is elsewhere
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:
        return "(nested too deeply)"  # orjson reads deeper nesting than it writes


def _clock(timestamp: object) -> str:
    moment = datetime.now(UTC)
    if isinstance(timestamp, str):
        with contextlib.suppress(ValueError, OverflowError):  # the year 1 has no local time
            moment = datetime.fromisoformat(timestamp).astimezone()
    return moment.astimezone().strftime("%H:%M:%S")
