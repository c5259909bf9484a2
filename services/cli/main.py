"""``laksa``: run the pipeline on this machine, send a report, watch a department's topic."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from shared.domain.lanes import Channel, Lane
from shared.errors import LaksaError

app = typer.Typer(
    help=(
        "LAKSA Pipeline: citizen reports and 112 calls of Kota Tangerang, from the channel to the department.\n\n"
        "[bold]laksa run[/bold] starts everything on this machine and shows the 112 table; "
        "[bold]laksa report[/bold] then sends one report and shows its life; "
        "[bold]laksa tail[/bold] shows what a subscribing department sees. "
        "Addresses, pids and keys of what runs stand in var/run.json."
    ),
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

topics_app = typer.Typer(
    help="Bring a Kafka's topics, users and rules of access in order (LAKSA_KAFKA_*, as its administrator).",
    no_args_is_help=True,
)
app.add_typer(topics_app, name="topics")
Partitions = Annotated[
    int | None, typer.Option(min=1, help="Partitions of the topics that all reports share; default: 12")
]


@app.command("run")
def run_command(
    once: Annotated[
        bool, typer.Option("--once", help="End after the table: 0 if it is the published one, else 1")
    ] = False,
    db: Annotated[
        Literal["sqlite", "postgres"] | None,
        typer.Option(help="Database of notifier and stats; LAKSA_DB. First time: sqlite"),
    ] = None,
    logs: Annotated[bool, typer.Option("--logs", help="Show the log lines of all processes on the screen")] = False,
) -> None:
    """Start broker, services and a demo call centre; send the reference data once; show the 112 table; stay up.

    Ctrl-C or SIGTERM stops everything in order, within 20 seconds. A process that ends unasked is started again.
    The data stay in var/ (LAKSA_VAR_DIR): a second run finds them and sends nothing twice.
    Give LAKSA_KAFKA_BOOTSTRAP_SERVERS to use a Kafka of your own.
    """
    from services.cli.run.running import run
    from services.cli.settings import CliSettings

    console = Console(highlight=False)
    settings = CliSettings() if db is None else CliSettings(db=db)
    code = _outcome(run(settings, console, once=once, logs=logs), console)
    with contextlib.suppress(OSError):  # the terminal may be gone
        sys.stdout.flush()
    os._exit(code)  # a download that was cut short must not hold the terminal


@app.command("report")
def report_command(
    text: Annotated[str, typer.Option(help="What the citizen writes or the caller says")],
    category: Annotated[str | None, typer.Option(help="A code like INF-PJU; without one the Live Room triages")] = None,
    channel: Annotated[Channel, typer.Option(help="The channel it comes from; 112 makes it a call")] = Channel.LAKSA,
    kecamatan: Annotated[str | None, typer.Option(help="A code like KARAWACI")] = None,
    landmark: Annotated[str | None, typer.Option(help="Where it is, in words")] = None,
    name: Annotated[str | None, typer.Option(help="The reporter's name")] = None,
    phone: Annotated[str | None, typer.Option(help="The reporter's number, e.g. +6280012345678")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the acknowledgement")] = 60.0,
) -> None:
    """Send one report to what runs here and show its life, live, up to the acknowledgement.

    [bold]laksa report --category INF-PJU --text "Lampu jalan padam di Jl. Veteran"[/bold]
    Ends with 0 once the department in charge has acknowledged, with 1 if that takes too long or intake refuses.
    """
    from services.cli.inspect.reporting import Draft, follow_report

    draft = Draft(text, category, channel, kecamatan, landmark, name, phone)
    console = Console(highlight=False)
    raise typer.Exit(_outcome(follow_report(draft, _layout(), console, wait), console))


@app.command("tail")
def tail_command(
    opd: Annotated[str, typer.Option(help="The department's code, e.g. DISHUB")],
    lane: Annotated[Lane | None, typer.Option(help="Only this lane; else both")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only what arrives from now on")] = False,
    follow: Annotated[bool, typer.Option(help="Stay and wait for more")] = True,
) -> None:
    """Show what a department that subscribes to its topic sees: the report, its role, and why it was routed there.

    It reads beside the real subscribers: no offsets are committed, nobody misses anything.
    """
    from services.cli.inspect.tailing import tail

    console = Console(highlight=False)
    raise typer.Exit(_outcome(tail(_layout(), console, opd=opd, lane=lane, only_new=new, follow=follow), console))


@app.command("secrets")
def secrets_command() -> None:
    """Make what docker-compose.yml needs and is not there yet: .env, and keys and users in deploy/secrets.

    Nothing that is there is written again.
    """
    from services.cli.deploy.deploy_secrets import default_deployment, make_secrets

    console = Console(highlight=False)
    try:
        raise typer.Exit(make_secrets(default_deployment(), console))
    except LaksaError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


@app.command("seed")
def seed_command() -> None:
    """Send the reference data to an intake that runs elsewhere, wait for the 112 table, and show it.

    The addresses and keys come from LAKSA_INTAKE_URL, LAKSA_STATS_URL and LAKSA_API_KEYS_FILE. What was sent is
    remembered in LAKSA_VAR_DIR: a repeat sends nothing twice. Ends with 1 where the table is not the published one.
    """
    from services.cli.reference.remote_seeding import seed

    console = Console(highlight=False)
    raise typer.Exit(_outcome(seed(console), console))


@topics_app.command("apply")
def topics_apply_command(
    users: Annotated[Path | None, typer.Option(help="YAML file of passwords, users: {name: password}")] = None,
    partitions: Partitions = None,
) -> None:
    """Make what is missing; nothing is ever taken away. Run it again as often as you like.

    Ends with 1 where something is left that is not changed from here, and says what to do about it.
    """
    with _topics_client():
        from services.cli.deploy.topics_command import apply

    console = Console(highlight=False)
    raise typer.Exit(_outcome(apply(None, console, users_file=users, wide=partitions), console))


@topics_app.command("check")
def topics_check_command(partitions: Partitions = None) -> None:
    """Change nothing; end with 1 and a line for each topic, user or rule that is not as it should be."""
    with _topics_client():
        from services.cli.deploy.topics_command import check

    console = Console(highlight=False)
    raise typer.Exit(_outcome(check(None, console, wide=partitions), console))


@contextlib.contextmanager
def _topics_client() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "confluent_kafka":
            raise
        typer.echo("laksa topics needs confluent-kafka: `make setup-dev` installs it, and the image has it", err=True)
        raise typer.Exit(1) from None


def _layout() -> Any:
    from services.cli.layout import Layout
    from services.cli.settings import CliSettings

    return Layout(CliSettings().var_dir.absolute())


def _outcome(work: Coroutine[Any, Any, int], console: Console) -> int:
    try:
        return asyncio.run(work)
    except LaksaError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    app()
