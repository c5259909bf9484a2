"""``laksa status``: shows which processes of this run are alive and ready, and the number of reports in transit."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import psutil
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.front_door import CONSERVATION, FrontDoor, TryAgain
from services.cli.layout import Layout
from services.cli.printable import printable
from services.cli.run.draining import backlog, lag_of
from services.cli.run_file import RunInfo, read_run_file
from shared.errors import BrokerUnavailable
from shared.settings import KafkaSettings

BACKLOG_SECONDS = 10.0
READY = aiohttp.ClientTimeout(total=5)


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process. ``is_ready`` is None for a process without a readiness check, such as Kafka."""

    name: str
    pid: int | None
    is_alive: bool
    is_ready: bool | None
    reasons: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Alive, and ready if it has a readiness check."""
        return self.is_alive and self.is_ready is not False


async def show_status(layout: Layout, console: Console) -> int:
    """Print the processes; 0 if every process is ready, else 1.

    Raises:
        ConfigurationError: nothing runs on this data folder.
    """
    info = read_run_file(layout)
    async with aiohttp.ClientSession() as session:
        names = list(dict.fromkeys([*info.pids, *info.services]))
        processes = await asyncio.gather(*(_status(name, info, session) for name in names))
        door = FrontDoor(session, services=info.services, api_keys=info.api_keys)
        accounts, under_way = await asyncio.gather(_accounts(door), _under_way(door, info))
    console.print(status_table(processes))
    console.print(accounts, under_way, sep="\n", markup=False, soft_wrap=True)
    return 0 if all(process.is_good for process in processes) else 1


def status_table(processes: list[ProcessStatus]) -> Table:
    """One line for each process; faults are red."""
    table = Table("process", "pid", "alive", "ready", "reasons", box=None, pad_edge=False)
    for process in processes:
        ready = "-" if process.is_ready is None else _yes_or_no(process.is_ready)
        reasons = Text(printable("; ".join(process.reasons)), overflow="fold")
        pid = "-" if process.pid is None else str(process.pid)
        table.add_row(
            process.name, pid, _yes_or_no(process.is_alive), ready, reasons, style="" if process.is_good else "red"
        )
    return table


def failed_checks(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The failed checks of a service, from the body of ``/health/ready``."""
    checks = answer.get("checks")
    return tuple(f"{name}: {result}" for name, result in checks.items()) if isinstance(checks, dict) else ()


async def _status(name: str, info: RunInfo, session: aiohttp.ClientSession) -> ProcessStatus:
    pid = info.pids.get(name)
    is_alive = pid is not None and _is_alive(pid)
    url = info.services.get(name)
    if url is None:
        return ProcessStatus(name, pid, is_alive, None, ())
    try:
        async with session.get(f"{url}/health/ready", timeout=READY) as answer:
            is_ready = answer.ok
            reasons = () if is_ready else failed_checks(await answer.json(content_type=None))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        is_ready, reasons = False, (f"no answer ({type(error).__name__})",)
    return ProcessStatus(name, pid, is_alive, is_ready, reasons)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _accounts(door: FrontDoor) -> str:
    try:
        lanes = await door.ask_stats(CONSERVATION)
    except TryAgain as error:
        return f"accounts: unknown, stats does not answer ({error})"
    return "\n".join(
        f"{lane} lane: {numbers['accepted']} accepted, {numbers['difference']} of them without a decision yet"
        for lane, numbers in lanes.items()
    )


async def _under_way(door: FrontDoor, info: RunInfo) -> str:
    try:
        async with asyncio.timeout(BACKLOG_SECONDS), lag_of(KafkaSettings(bootstrap_servers=info.kafka)) as lag:
            return f"under way: {await backlog(door, lag)}"
    except (TryAgain, BrokerUnavailable, KafkaError, TimeoutError, OSError) as error:
        return f"under way: unknown ({str(error) or type(error).__name__})"


def _yes_or_no(value: bool) -> str:  # noqa: FBT001  # formats a boolean
    return "yes" if value else "no"
