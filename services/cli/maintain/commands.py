"""The commands of developers and maintainers: generated files, routing tables, and locked downloads."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.outcome import finish

routing_app = typer.Typer(help="Check routing tables.", no_args_is_help=True)
maintain_app = typer.Typer(help="Lock downloads: the jars of Kafka, the web assets of the pages.", no_args_is_help=True)


def schemas_command(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 if a file is stale")] = False,
    directory: Annotated[Path | None, typer.Option(help="Default: schemas/ of this checkout")] = None,
) -> None:
    """Write the JSON Schemas of all event bodies from their models."""
    from services.cli.maintain.generated import schemas

    finish(lambda: schemas(directory, check=check), Console())


def asyncapi_command(
    services: Annotated[list[str] | None, typer.Argument(help="intake, router, notifier, stats; default: all")] = None,
) -> None:
    """Print the AsyncAPI document of these services as YAML."""
    from services.cli.other_program import become

    become("shared.messaging.asyncapi", services or [])


@routing_app.command("lint")
def routing_lint_command(
    file: Annotated[Path, typer.Argument(help="The routing table to check")],
    released: Annotated[Path | None, typer.Option(help="The table in use; default: the packaged one")] = None,
    now: Annotated[str | None, typer.Option(help="Check as if it were this time, with its UTC offset")] = None,
) -> None:
    """Check a routing table before it is released; exits with 1 and one line for each fault.

    A version that has started must not change, because reports received while it was valid must get the same decision.
    """
    from services.cli.other_program import become

    options = {"--released": released, "--now": now}
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    become("services.router.lint", [*given, "--", str(file)])


@maintain_app.command("jars-lock")
def jars_lock_command(
    kafka: Annotated[str, typer.Option(help="Version of Apache Kafka")],
    log4j: Annotated[str, typer.Option(help="Version of log4j-slf4j-impl: that of Kafka's own log4j-core")] = "2.25.5",
    output: Annotated[Path | None, typer.Option(help="The file to write; default: the lock of this checkout")] = None,
) -> None:
    """Lock the jars of an Apache Kafka version by coordinate and SHA-256. Needs Maven (mvn)."""
    from services.cli.maintain.locked import jars_lock

    console = Console(highlight=False)
    finish(lambda: jars_lock(console, kafka, log4j, output), console)


@maintain_app.command("vendor")
def vendor_command(
    check: Annotated[bool, typer.Option("--check", help="Only compare the files with the lock; no network")] = False,
    update: Annotated[bool, typer.Option("--update", help="Write the new checksums of npm into the lock")] = False,
) -> None:
    """Fetch the scripts and styles of the pages, checked against their checksums. Needs npm."""
    from services.cli.maintain.locked import vendor

    console = Console(highlight=False)
    finish(lambda: vendor(console, check=check, update=update), console)
