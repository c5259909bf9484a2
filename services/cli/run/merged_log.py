"""One readable log of all processes: each line as it is to its process's own file, and in colour to the terminal."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BufferedWriter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from services.cli.printable import printable

KEEP_BYTES = 10 * 1024 * 1024  # a process's log larger than this is set aside when the next run starts
NAME_WIDTH = 18
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
    """Where all lines meet. A terminal that went away or a disk that is full costs the lines on it, nothing else."""

    def __init__(self, console: Console, folder: Path) -> None:
        self._console = console
        self._folder = folder
        self._files: dict[str, BufferedWriter] = {}

    def say(self, message: str, *, level: str = "info", **values: object) -> None:
        """A line of the supervisor's own."""
        self._print(render({"message": message, "level": level, **values}, "laksa"))

    def take(self, name: str, line: bytes) -> None:
        """A line that a process wrote."""
        with contextlib.suppress(OSError):
            file = self._file(name)
            file.write(line + b"\n")
            file.flush()
        self._print(render_line(name, line))

    def show(self, *things: Any, soft_wrap: bool = False) -> None:
        """Print anything that rich can, between the lines."""
        try:
            self._console.print(*things, soft_wrap=soft_wrap)
        except (OSError, UnicodeEncodeError):
            self._forget_unprinted()
        except SystemExit:
            pass  # what rich does about a closed pipe; it is quiet from now on

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.close()
        self._files.clear()

    def _file(self, name: str) -> BufferedWriter:
        if name not in self._files:
            path = self._folder / f"{name}.log" if name != "kafka" else self._folder / "kafka.out"
            if path.exists() and path.stat().st_size > KEEP_BYTES:
                path.replace(path.with_name(f"{path.name}.1"))
            self._files[name] = path.open("ab")
        return self._files[name]

    def _print(self, text: Text) -> None:
        self.show(text, soft_wrap=True)

    def _forget_unprinted(self) -> None:
        quiet, self._console.quiet = self._console.quiet, True
        self._console.print()  # rich keeps what it could not print, and empties that only while it is quiet
        self._console.quiet = quiet


def render_line(name: str, line: bytes) -> Text:
    """One line of a process for the terminal: JSON as time, level, name, message and values; anything else as it is."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict) or "message" not in fields:
        fields = {"message": line.decode(errors="replace")}
    return render(fields, name)


def render(fields: Mapping[str, Any], name: str) -> Text:
    """Fields of a log line as coloured text. Values are data: markup and control characters in them do nothing."""
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


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:
        return "(nested too deeply)"  # what orjson reads may be deeper than what it writes


def _clock(timestamp: object) -> str:
    moment = datetime.now(UTC)
    if isinstance(timestamp, str):
        with contextlib.suppress(ValueError, OverflowError):  # the year 1 has no local time
            moment = datetime.fromisoformat(timestamp).astimezone()
    return moment.astimezone().strftime("%H:%M:%S")
