"""``laksa kafka``: Kafka in the foreground, for developers."""

import asyncio
import signal
from pathlib import Path

from rich.console import Console

from services.cli.run.embedded_kafka.embedded import EmbeddedKafka
from services.cli.run.embedded_kafka.errors import BrokerNotReadyError
from services.cli.run.embedded_kafka.progress import fetch_bar
from services.cli.run.embedded_kafka.resolve import GIVEN
from shared.process.waiting import wait_or_stop

WATCH_S = 0.2


async def run_until_stopped(kafka: EmbeddedKafka, console: Console) -> None:
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


def run_in_foreground(var: Path, console: Console, *, port: int, heap_mib: int) -> int:
    """Run Apache Kafka below a folder until Ctrl-C; it is fetched once.

    Raises:
        BrokerError: it cannot be fetched or started, or it ended by itself.
    """
    kafka = EmbeddedKafka(var, port=port, heap_mib=heap_mib)
    with fetch_bar(console) as report:
        kafka.prepare(report)
    asyncio.run(run_until_stopped(kafka, console))
    console.print("Stopped")
    return 0
