"""The commands of a deployment: secrets, topics, and the tables of notifier and stats."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from services.cli.outcome import finish

topics_app = typer.Typer(
    help="Create and check a Kafka's topics, users and ACLs (LAKSA_KAFKA_*, as its administrator).",
    no_args_is_help=True,
)
Partitions = Annotated[
    int | None, typer.Option(min=1, help="Partitions of the topics that carry all reports; default: 12")
]


def secrets_command() -> None:
    """Create what docker-compose.yml needs and is missing: .env, and keys and users in deploy/secrets.

    Existing files are not overwritten.
    """
    from services.cli.deploy.deploy_secrets import default_deployment, make_secrets

    console = Console(highlight=False)
    finish(lambda: make_secrets(default_deployment(), console), console)


def migrate_command(
    service: Annotated[Literal["notifier", "stats"], typer.Argument(help="Service of the tables")],
) -> None:
    """Migrate the tables of LAKSA_DATABASE_URL to the newest revision; services only check the revision."""
    from services.cli.other_program import become

    become(f"services.{service}.migrate")


def rebuild_command() -> None:
    """Rebuild all counts of stats from the facts in LAKSA_DATABASE_URL, with the settings of stats."""
    from services.cli.other_program import become

    become("services.stats", ["--rebuild"])


@topics_app.command("apply")
def topics_apply_command(
    users: Annotated[Path | None, typer.Option(help="YAML file of passwords, users: {name: password}")] = None,
    partitions: Partitions = None,
) -> None:
    """Create what is missing; nothing is ever removed, and a repeat is safe.

    Exits with 1 if something differs that this command does not change, and says what to do.
    """
    with _topics_client():
        from services.cli.deploy.topics_command import apply

    console = Console(highlight=False)
    finish(apply(None, console, users_file=users, wide=partitions), console)


@topics_app.command("check")
def topics_check_command(partitions: Partitions = None) -> None:
    """Change nothing; exit with 1 and print a line for each topic, user or ACL that differs."""
    with _topics_client():
        from services.cli.deploy.topics_command import check

    console = Console(highlight=False)
    finish(check(None, console, wide=partitions), console)


@contextlib.contextmanager
def _topics_client() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "confluent_kafka":
            raise
        typer.echo("laksa topics needs confluent-kafka: `make setup-dev` installs it, and the image has it", err=True)
        raise typer.Exit(1) from None
