"""``var/run.json``: the addresses, process ids and keys of the running pipeline, for scripts."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import psutil

from services.cli.layout import Layout, read_json, write_private
from shared.errors import ConfigurationError

DYING_SECONDS = 10.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Addresses and keys stay the same for the whole run; a process id changes when the process is restarted."""

    kafka: str
    services: Mapping[str, str]
    pids: Mapping[str, int]
    api_keys: Mapping[str, str]


def write_run_file(layout: Layout, info: RunInfo) -> None:
    """Replace the file atomically, with mode 0600 because it contains keys."""
    write_private(layout.run_file, json.dumps(asdict(info), indent=2) + "\n")


def read_run_file(layout: Layout) -> RunInfo:
    """Read the file of the running pipeline.

    Raises:
        ConfigurationError: nothing runs on this data folder.
    """
    read = read_json(layout.run_file)
    if not read or not psutil.pid_exists(read["pids"]["supervisor"]):
        raise ConfigurationError(f"Nothing runs on {layout.root}. Start it with `make run` and wait for the table")
    return RunInfo(**read)


def clear_leftovers(layout: Layout) -> list[str]:
    """After a supervisor was killed: wait until the kernel has ended its children, then delete its file.

    Returns the names of the processes that still run after ten seconds.
    """
    pids: dict[str, int] = read_json(layout.run_file).get("pids", {})
    give_up = time.monotonic() + DYING_SECONDS
    written = layout.run_file.stat().st_mtime if pids else 0.0
    while (alive := [name for name, pid in pids.items() if _existed_at(pid, written)]) and time.monotonic() < give_up:
        time.sleep(POLL_SECONDS)
    layout.run_file.unlink(missing_ok=True)
    return alive


def _existed_at(pid: int, written: float) -> bool:
    """Whether the process existed when the file was written; a later process with this id is a different process."""
    if pid == os.getpid():
        return False
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= written
    except psutil.NoSuchProcess:
        return False
