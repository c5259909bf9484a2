"""``laksa run``: from nothing to the 112 table, and then until somebody stops it."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli.front_door import TABLE, FrontDoor, TryAgain
from services.cli.keys import load_secrets, write_configuration
from services.cli.layout import Layout, only_supervisor
from services.cli.reference.published_table import differences, table_of
from services.cli.reference.seeding import send_reference_data
from services.cli.run import broker
from services.cli.run.draining import wait_until_drained
from services.cli.run.embedded_kafka import EmbeddedKafka
from services.cli.run.embedded_kafka.progress import fetch_bar
from services.cli.run.embedded_kafka.resolve import GIVEN, GivenBroker, resolve_broker
from services.cli.run.merged_log import MergedLog
from services.cli.run.plan import Plan
from services.cli.run.ports import choose_ports
from services.cli.run.postgres import EmbeddedPostgres, remember_database
from services.cli.run.supervisor import Supervisor
from services.cli.run_file import clear_leftovers
from services.cli.settings import CliSettings
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.errors import LaksaError

TABLE_SECONDS = 120.0
DRAIN_SECONDS = 120.0
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its settings, where it keeps things, and where it is shown."""

    settings: CliSettings
    layout: Layout
    console: Console
    log: MergedLog
    once: bool
    began: float


async def run(settings: CliSettings, console: Console, *, once: bool) -> int:
    """Run it all and return the exit code: 0 where it was stopped in order, or with ``once`` the table is right.

    Raises:
        LaksaError: it cannot be started; the message says what to do.
    """
    layout = Layout(settings.var_dir.absolute())
    layout.make()
    log = MergedLog(console, layout.logs)
    this = Run(settings, layout, console, log, once, time.monotonic())
    try:
        with only_supervisor(layout):
            for name in clear_leftovers(layout):
                log.say("a process of the last run is still there", level="warning", process=name)
            return await _until_signalled(this)
    finally:
        log.close()


async def _until_signalled(this: Run) -> int:
    stopping = asyncio.Event()
    work = asyncio.create_task(_work(this))
    with _signals(stopping, this.log):
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if stopping.is_set():
            work.cancel()  # stops everything in order on its way out
        try:
            return await work
        except asyncio.CancelledError:
            this.log.say("everything has stopped")
            return 1 if this.once else 0


@contextmanager
def _signals(stopping: asyncio.Event, log: MergedLog) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: signal.Signals) -> None:
        if not stopping.is_set():
            log.say("stopping", signal=number.name)
        stopping.set()

    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _work(this: Run) -> int:
    ports = choose_ports(this.layout, usual_first=this.settings.ports == "fixed")
    chosen = resolve_broker(this.layout.root, port=ports["kafka"])
    if isinstance(chosen, EmbeddedKafka):
        with fetch_bar(this.console) as report:
            await broker.prepare(chosen, report)
    secrets = load_secrets(this.layout)
    postgres = await _prepare_postgres(this, ports["postgres"])
    plan = Plan(this.layout, ports, {GIVEN: chosen.connection().bootstrap_servers}, postgres)
    write_configuration(this.layout, secrets, plan.url("call-centre"))
    async with (
        Supervisor(plan, this.layout, secrets, chosen, this.log) as supervisor,
        aiohttp.ClientSession() as session,
    ):
        await supervisor.start()
        door = FrontDoor(session, services=plan.urls, api_keys=secrets.api_keys)
        faults = await _send_and_show(this, door, plan, chosen) if this.settings.reference_data else []
        if not this.once:
            await asyncio.Event().wait()  # stays up until it is cancelled
        return 1 if faults else 0


async def _prepare_postgres(this: Run, port: int) -> EmbeddedPostgres | None:
    if remember_database(this.layout, this.settings.db) != "postgres":
        return None
    postgres = EmbeddedPostgres(this.layout.postgres, port)
    await asyncio.to_thread(postgres.prepare)
    return postgres


async def _send_and_show(this: Run, door: FrontDoor, plan: Plan, chosen: EmbeddedKafka | GivenBroker) -> list[str]:
    await _send(this, door)
    faults: list[str] = []
    if this.once:
        left = await wait_until_drained(door, chosen.connection(), DRAIN_SECONDS)
        if not left.is_empty:
            faults.append(f"not drained after {DRAIN_SECONDS:g} s: {left}")
    answer = await _wait_for_table(door)
    faults += differences(answer, CALLS_112_TANGERANG_2024)
    this.log.show("", table_of(answer, CALLS_112_TANGERANG_2024), _addresses(this, plan, chosen))
    for fault in faults:
        this.log.say("the table is not the published one", level="error", what=fault)
    return faults


async def _send(this: Run, door: FrontDoor) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=this.console, disable=not this.console.is_terminal, transient=True) as bar:
        task = bar.add_task("sending the reference data", total=None)

        def draw(confirmed: int, total: int) -> None:
            bar.update(task, completed=confirmed, total=total)

        sent = await send_reference_data(this.layout, door, draw)
    this.log.say("the reference data are with intake", sent_now=sent)


async def _wait_for_table(door: FrontDoor) -> dict[str, Any]:
    """The table once it is complete, or as it is when the time is up.

    Raises:
        LaksaError: stats did not answer at all.
    """
    give_up = time.monotonic() + TABLE_SECONDS
    answer: dict[str, Any] = {}
    while answer.get("total", 0) < CALLS_112_TANGERANG_2024.total and time.monotonic() < give_up:
        try:
            answer = await door.ask_stats(TABLE)
        except TryAgain:
            await asyncio.sleep(POLL_SECONDS)
            continue
        await asyncio.sleep(POLL_SECONDS)
    if not answer:
        raise LaksaError(f"stats gave no answer in {TABLE_SECONDS:g} s; its log is var/log/stats.log")
    return answer


def _addresses(this: Run, plan: Plan, chosen: EmbeddedKafka | GivenBroker) -> Panel:
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="bold")
    lines.add_column(overflow="fold")
    lines.add_row("board", f"{plan.url('stats')}/")
    lines.add_row(
        "API docs", f"{plan.url('intake')}/docs  {plan.url('stats')}/docs  {plan.url('notifier-emergency')}/docs"
    )
    lines.add_row("metrics", f"{plan.url('intake')}/metrics, and the same on every service")
    lines.add_row("broker", chosen.describe())
    sqlite = f"SQLite, one file per service and lane in {this.layout.databases}"
    lines.add_row("database", plan.postgres.describe() if plan.postgres is not None else sqlite)
    lines.add_row("keys, addresses", str(this.layout.run_file))
    lines.add_row("time", f"{time.monotonic() - this.began:.1f} s from start to table")
    return Panel(lines, title="LAKSA Pipeline", subtitle=None if this.once else "Ctrl-C stops everything", expand=False)
