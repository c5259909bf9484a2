"""``laksa run``: starts everything, sends the reference data, shows the 112 table, and runs until it is stopped."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli.front_door import FrontDoor, Refused
from services.cli.keys import Secrets, load_secrets, write_configuration
from services.cli.layout import Layout, only_supervisor
from services.cli.reference.published_table import differences, table_of
from services.cli.reference.seeding import send_reference_data
from services.cli.reference.table_wait import wait_for_table
from services.cli.run import broker
from services.cli.run.draining import wait_until_drained
from services.cli.run.embedded_kafka import EmbeddedKafka
from services.cli.run.embedded_kafka.progress import fetch_bar
from services.cli.run.embedded_kafka.resolve import GIVEN, GivenBroker, resolve_broker
from services.cli.run.environment import CHANNELS, ENDPOINTS, ignored, inherited
from services.cli.run.merged_log import MergedLog
from services.cli.run.plan import Plan
from services.cli.run.ports import choose_ports, describe_moves
from services.cli.run.postgres import EmbeddedPostgres, remember_database
from services.cli.run.supervisor import Supervisor
from services.cli.run_file import clear_leftovers
from services.cli.settings import CliSettings
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.errors import LaksaError

DRAIN_SECONDS = 120.0
STOP_ALL_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run: its settings, its folder, and its screen. ``inherited`` is what all processes get of the environment."""

    settings: CliSettings
    layout: Layout
    console: Console
    log: MergedLog
    inherited: Mapping[str, str]
    once: bool
    began: float


async def run(settings: CliSettings, console: Console, *, once: bool, logs: bool = False) -> int:
    """Run everything and return the exit code: 0 after a stop on request, or with ``once`` if the table is right.

    ``logs`` shows the log lines of all processes instead of the steps alone.

    Raises:
        LaksaError: it cannot be started; the message says what to do.
    """
    layout = Layout(settings.var_dir.absolute())
    layout.make()
    log = MergedLog(console, layout.logs, show_lines=logs)
    context = RunContext(settings, layout, console, log, inherited(os.environ), once, time.monotonic())
    try:
        with only_supervisor(layout):
            for sentence in ignored(os.environ):
                log.step(sentence, style="yellow")
            for name in clear_leftovers(layout):
                log.alert("a process of the last run is still there", process=name)
            return await _until_signalled(context)
    finally:
        log.close()


async def _until_signalled(context: RunContext) -> int:
    stopping = asyncio.Event()
    work = asyncio.create_task(_work(context))
    with _signals(stopping, context.log):
        signalled = asyncio.create_task(stopping.wait())
        await asyncio.wait({work, signalled}, return_when=asyncio.FIRST_COMPLETED)
        signalled.cancel()
        if stopping.is_set():
            work.cancel()  # the supervisor's context manager stops all processes in order
        try:
            return await work
        except asyncio.CancelledError:
            context.log.step(f"Everything has stopped. The data are kept in {context.layout.root}")
            return 1 if context.once else 0


@contextmanager
def _signals(stopping: asyncio.Event, log: MergedLog) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop() -> None:
        if not stopping.is_set():
            log.step(f"Stopping everything, which takes up to {STOP_ALL_SECONDS:g} s")
        stopping.set()

    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _work(context: RunContext) -> int:
    are_fixed = context.settings.ports == "fixed"
    ports = choose_ports(context.layout, usual_first=are_fixed)
    chosen = resolve_broker(context.layout.root, port=ports["kafka"])
    if isinstance(chosen, EmbeddedKafka):
        with fetch_bar(context.console) as report:
            await broker.prepare(chosen, report)
    secrets = load_secrets(context.layout)
    postgres = await _prepare_postgres(context, ports["postgres"])
    servers = chosen.connection().bootstrap_servers
    moves = describe_moves(ports) if are_fixed else {}
    plan = Plan(context.layout, ports, {GIVEN: servers}, postgres, context.inherited, moves)
    _write_configuration(context, secrets, plan)
    async with (
        Supervisor(plan, context.layout, secrets, chosen, context.log) as supervisor,
        aiohttp.ClientSession() as session,
    ):
        await supervisor.start()
        door = FrontDoor(session, services=plan.urls, api_keys=secrets.api_keys)
        if context.settings.reference_data:
            faults = await _send_and_show(context, door, plan, chosen)
        else:
            faults = []
            context.log.show(_addresses(context, plan, chosen))
        if not context.once:
            await asyncio.Event().wait()  # stays up until it is cancelled
        return 1 if faults else 0


def _write_configuration(context: RunContext, secrets: Secrets, plan: Plan) -> None:
    edited = write_configuration(context.layout, secrets, plan.url("call-centre"))
    for variable, path in ((CHANNELS, context.layout.channels), (ENDPOINTS, context.layout.endpoints)):
        if variable in context.inherited:
            context.log.step(f"{variable} is used: {context.inherited[variable]}")
        elif path in edited:
            context.log.step(f"{path} was edited and is used as it is. Delete it to have it written again", "yellow")


async def _prepare_postgres(context: RunContext, port: int) -> EmbeddedPostgres | None:
    if remember_database(context.layout, context.settings.db) != "postgres":
        return None
    postgres = EmbeddedPostgres(context.layout.postgres, port)
    with context.log.waiting_for("Preparing PostgreSQL"):
        await asyncio.to_thread(postgres.prepare)
    return postgres


async def _send_and_show(
    context: RunContext, door: FrontDoor, plan: Plan, chosen: EmbeddedKafka | GivenBroker
) -> list[str]:
    await _send(context, door)
    faults: list[str] = []
    if context.once:
        with context.log.waiting_for("Waiting until everything is processed"):
            left = await wait_until_drained(door, chosen.connection(), DRAIN_SECONDS)
        if not left.is_empty:
            faults.append(f"not everything is processed after {DRAIN_SECONDS:g} s: {left}")
    with context.log.waiting_for("Waiting for the 112 table"):
        answer = await wait_for_table(door, advice=f"its log is {context.log.log_file('stats')}")
    faults += differences(answer, CALLS_112_TANGERANG_2024)
    context.log.show("", table_of(answer, CALLS_112_TANGERANG_2024), _addresses(context, plan, chosen))
    for fault in faults:
        context.log.step(f"The table is not the published one: {fault}", style="bold red")
    return faults


async def _send(context: RunContext, door: FrontDoor) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=context.console, transient=True)
    task = bar.add_task("Sending the reference data", total=None)

    def draw(confirmed: int, total: int) -> None:
        bar.update(task, completed=confirmed, total=total)

    try:
        with context.log.drawing(bar):
            sent = await send_reference_data(context.layout, door, draw)
    except Refused as error:
        raise _explain_refusal(context, error) from error
    context.log.step(f"reference data: {sent} requests sent now, all are with intake")


def _explain_refusal(context: RunContext, refused: Refused) -> LaksaError:
    advice = "Set LAKSA_REFERENCE_DATA=false to start without the reference data"
    if CHANNELS in context.inherited:
        advice += f". {CHANNELS} must accept the keys of {context.layout.secrets}, as {context.layout.channels} does"
    return LaksaError(f"intake refuses the reference data: {refused}. {advice}")


def _addresses(context: RunContext, plan: Plan, chosen: EmbeddedKafka | GivenBroker) -> Panel:
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="bold")
    lines.add_column(overflow="fold")
    lines.add_row("board", f"{plan.url('stats')}/")
    lines.add_row(
        "API docs", f"{plan.url('intake')}/docs  {plan.url('stats')}/docs  {plan.url('notifier-emergency')}/docs"
    )
    lines.add_row("metrics", f"{plan.url('intake')}/metrics, and the same on every service")
    for name, sentence in plan.moves.items():
        if (name != "postgres" or plan.postgres) and (name != "kafka" or isinstance(chosen, EmbeddedKafka)):
            lines.add_row("port", sentence)
    lines.add_row("broker", chosen.describe())
    sqlite = f"SQLite, one file per service and lane in {context.layout.databases}"
    lines.add_row("database", plan.postgres.describe() if plan.postgres is not None else sqlite)
    lines.add_row("keys, addresses", str(context.layout.run_file))
    lines.add_row("logs", f"{context.layout.logs}; make run LOGS=1 shows them here")
    lines.add_row("time", f"{time.monotonic() - context.began:.1f} s since the start")
    return Panel(
        lines, title="LAKSA Pipeline", subtitle=None if context.once else "Ctrl-C stops everything", expand=False
    )
