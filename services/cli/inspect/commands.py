"""The commands that look at a running pipeline, and at the codes that reports use."""

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
    channel: Annotated[Channel, typer.Option(help="The channel it comes from; 112 makes it a call")] = Channel.LAKSA,
    kecamatan: Annotated[str | None, typer.Option(help="A code like KARAWACI")] = None,
    landmark: Annotated[str | None, typer.Option(help="Where it is, in words")] = None,
    name: Annotated[str | None, typer.Option(help="The reporter's name")] = None,
    phone: Annotated[str | None, typer.Option(help="The reporter's number, e.g. +6280012345678")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the acknowledgement")] = 60.0,
) -> None:
    """Send one report to the pipeline that runs here and show its life, live, up to the acknowledgement.

    [bold]laksa report --category INF-PJU --text "Lampu jalan padam di Jl. Veteran"[/bold]
    [bold]laksa categories[/bold] lists the codes. Flags that intake gives are shown with their meanings.
    Ends with 0 once the department in charge has acknowledged, with 1 if that takes too long or intake refuses.
    """
    from services.cli.inspect.reporting import Draft, follow_report

    draft = Draft(text, category, channel, kecamatan, landmark, name, phone)
    console = Console(highlight=False)
    finish(follow_report(draft, _layout(), console, wait), console)


def tail_command(
    opd: Annotated[str, typer.Option(help="The department's code, e.g. DISHUB; `laksa opds` lists them")],
    lane: Annotated[Lane | None, typer.Option(help="Only this lane; else both")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only what arrives from now on")] = False,
    follow: Annotated[bool, typer.Option(help="Stay and wait for more")] = True,
) -> None:
    """Show what a department that subscribes to its topic sees: the report, its role, and why it was routed there.

    It reads beside the real subscribers: no offsets are committed, nobody misses anything.
    """
    from services.cli.inspect.tailing import tail

    console = Console(highlight=False)
    finish(tail(_layout(), console, opd=opd, lane=lane, only_new=new, follow=follow), console)


def status_command() -> None:
    """Show each process of `laksa run`: whether it is alive and ready, why not, and how many records wait.

    Ends with 1 where a process is not ready or nothing runs.
    """
    from services.cli.inspect.status import show_status

    console = Console(highlight=False)
    finish(show_status(_layout(), console), console)


def categories_command() -> None:
    """List the categories: code, name, department in charge, priority, and lane by each way to report."""
    from services.cli.inspect.codes import category_table, print_table

    print_table(category_table())


def opds_command() -> None:
    """List the departments: code, name, kind, and how many categories each is in charge of."""
    from services.cli.inspect.codes import opd_table, print_table

    print_table(opd_table())


def _layout() -> "Layout":
    from services.cli.layout import Layout
    from services.cli.settings import CliSettings

    return Layout(CliSettings().var_dir.absolute())
