"""The commands that inspect a running pipeline, and list the codes of reports."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cli.outcome import finish
from shared.domain.lanes import Channel, Lane

if TYPE_CHECKING:
    from services.cli.layout import Layout


def report_command(
    text: Annotated[str, typer.Option(help="What the citizen writes or the caller says")],
    category: Annotated[str | None, typer.Option(help="A code like INF-PJU; without one the Live Room triages")] = None,
    channel: Annotated[Channel, typer.Option(help="The channel of the report; 112 makes it a call")] = Channel.LAKSA,
    kecamatan: Annotated[str | None, typer.Option(help="A code like KARAWACI")] = None,
    landmark: Annotated[str | None, typer.Option(help="The place, in words")] = None,
    name: Annotated[str | None, typer.Option(help="The reporter's name")] = None,
    phone: Annotated[str | None, typer.Option(help="The reporter's number, e.g. +6280012345678")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the acknowledgement")] = 60.0,
) -> None:
    """Send one report to the running pipeline and show its history live, until it is acknowledged.

    [bold]laksa report --category INF-PJU --text "Lampu jalan padam di Jl. Veteran"[/bold]
    [bold]laksa categories[/bold] lists the codes. The flags of intake are shown with their meanings.
    Exits with 0 once the department in charge has acknowledged, with 1 on a timeout or if intake refuses.
    """
    from services.cli.inspect.reporting import Draft, follow_report

    draft = Draft(text, category, channel, kecamatan, landmark, name, phone)
    console = Console(highlight=False)
    finish(follow_report(draft, _layout(), console, wait), console)


def tail_command(
    opd: Annotated[str, typer.Option(help="The department's code, e.g. DISHUB; `laksa opds` lists them")],
    lane: Annotated[Lane | None, typer.Option(help="Only this lane; default: both")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only records from now on")] = False,
    follow: Annotated[bool, typer.Option(help="Wait for further records")] = True,
) -> None:
    """Show the records of a department's topic: the report, the department's role, and the reason of the routing.

    It commits no offsets, so it does not affect the department's own consumers.
    """
    from services.cli.inspect.tailing import tail

    console = Console(highlight=False)
    finish(tail(_layout(), console, opd=opd, lane=lane, only_new=new, follow=follow), console)


def status_command() -> None:
    """Show each process of `laksa run`: alive, ready (or why not), and the number of waiting records.

    Exits with 1 if a process is not ready or nothing runs.
    """
    from services.cli.inspect.status import show_status

    console = Console(highlight=False)
    finish(show_status(_layout(), console), console)


def categories_command() -> None:
    """List the categories: code, name, department in charge, priority, and lane by each way to report."""
    from services.cli.inspect.codes import category_table, print_table

    print_table(category_table())


def opds_command() -> None:
    """List the departments: code, name, kind, and the number of categories that each is in charge of."""
    from services.cli.inspect.codes import opd_table, print_table

    print_table(opd_table())


def _layout() -> "Layout":
    from services.cli.layout import Layout
    from services.cli.settings import CliSettings

    return Layout(CliSettings().var_dir.absolute())
