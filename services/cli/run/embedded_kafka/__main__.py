"""``python -m services.cli.run.embedded_kafka``: Kafka in the foreground, for developers."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.run.embedded_kafka.embedded import EmbeddedKafka
from services.cli.run.embedded_kafka.errors import BrokerError, BrokerNotReadyError
from services.cli.run.embedded_kafka.progress import fetch_bar
from services.cli.run.embedded_kafka.resolve import DEFAULT_PORT, GIVEN
from shared.process.waiting import wait_or_stop

WATCH_S = 0.2

console = Console(soft_wrap=True)


async def run_until_stopped(kafka: EmbeddedKafka) -> None:
    """Run it until Ctrl-C or SIGTERM.

    Raises:
        BrokerNotReadyError: Kafka did not start, or ended by itself.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        kafka.start()
        await kafka.wait_ready()
        console.print(f"{kafka.describe()}\nData in {kafka.folders.home}, log in {kafka.folders.log_file}")
        console.print(f"export {GIVEN}={kafka.bootstrap_servers}\nCtrl-C stops it")
        while kafka.pid is not None:
            if await wait_or_stop(stop, WATCH_S):
                return
        raise BrokerNotReadyError(f"Kafka ended by itself; its log is {kafka.folders.log_file}")
    finally:
        await kafka.stop()


def main(
    var: Annotated[Path, typer.Option(help="Folder for its data and log")] = Path("var"),
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; another free one if it is taken")] = DEFAULT_PORT,
    heap: Annotated[int, typer.Option(help="Largest heap of its JVM, in MiB")] = 256,
) -> None:
    """Run Apache Kafka below VAR until Ctrl-C. It is fetched once; no Docker, no root and no Java are needed."""
    kafka = EmbeddedKafka(var, port=port, heap_mib=heap)
    try:
        with fetch_bar(console) as report:
            kafka.prepare(report)
        asyncio.run(run_until_stopped(kafka))
    except BrokerError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(code=1) from error
    console.print("Stopped")


if __name__ == "__main__":
    typer.run(main)
