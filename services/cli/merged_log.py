"""One readable log of all processes: each line goes to its process's own file as it is, and to the terminal in colour."""

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
    """Where all lines meet. A terminal that went away costs the lines on it, nothing else."""

    def __init__(self, console: Console, folder: Path) -> None:
        self._console = console
        self._folder = folder
        self._files: dict[str, BufferedWriter] = {}

    def say(self, message: str, *, level: str = "info", **values: object) -> None:
        """A line of the supervisor's own."""
        self._print(render({"message": message, "level": level, **values}, "laksa"))

    def take(self, name: str, line: bytes) -> None:
        """A line that a process wrote."""
        file = self._file(name)
        file.write(line + b"\n")
        file.flush()
        self._print(render_line(name, line))

    def show(self, *things: Any) -> None:
        """Print anything that rich can, between the lines."""
        with contextlib.suppress(OSError):
            self._console.print(*things)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
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
        with contextlib.suppress(OSError):
            self._console.print(text, soft_wrap=True)


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
        text.append(f"{level.upper()} ", style=style)
    text.append(_printable(str(fields["message"])), style=style)
    for key, value in fields.items():
        if key not in HIDDEN:
            text.append(f" {key}=", style="dim")
            text.append(_printable(value if isinstance(value, str) else orjson.dumps(value, default=str).decode()))
    for line in str(fields.get("exception") or "").splitlines():
        text.append(f"\n    {_printable(line)}", style="dim")
    return text


def _clock(timestamp: object) -> str:
    moment = datetime.now(UTC)
    if isinstance(timestamp, str):
        with contextlib.suppress(ValueError):
            moment = datetime.fromisoformat(timestamp)
    return moment.astimezone().strftime("%H:%M:%S")


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "�" for one in text)
