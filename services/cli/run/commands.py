"""The commands that run things on this machine: the whole pipeline, or Kafka alone."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from services.cli.outcome import exit_code_of, finish


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
    code = exit_code_of(run(settings, console, once=once, logs=logs), console)
    with contextlib.suppress(OSError):  # the terminal may be gone
        sys.stdout.flush()
    os._exit(code)  # a download that was cut short must not hold the terminal


def kafka_command(
    var: Annotated[Path, typer.Option(help="Folder for its data and log")] = Path("var"),
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; another free one if it is taken")] = 9092,
    heap: Annotated[int, typer.Option(help="Largest heap of its JVM, in MiB")] = 256,
) -> None:
    """Run Apache Kafka alone, in the foreground, until Ctrl-C. It needs no Docker, no root and no Java."""
    from services.cli.run.embedded_kafka.foreground import run_in_foreground

    console = Console(soft_wrap=True)
    finish(lambda: run_in_foreground(var, console, port=port, heap_mib=heap), console)
