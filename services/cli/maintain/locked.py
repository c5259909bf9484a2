"""``laksa maintain``: locks downloads by their checksums."""

from pathlib import Path

from rich.console import Console

from services.cli.run.embedded_kafka.jars import LOCK_FILE
from services.cli.run.embedded_kafka.lock import write_lock
from shared.http.apidocs.vendor import check_files, fetch


def jars_lock(console: Console, kafka: str, log4j: str, output: Path | None) -> int:
    """Lock the jars of a Kafka version and print the file.

    Raises:
        BrokerError: Maven is missing or does not find the jars.
    """
    console.print(write_lock(kafka, log4j, output or LOCK_FILE), markup=False, soft_wrap=True)
    return 0


def vendor(console: Console, *, check: bool, update: bool) -> int:
    """Fetch the web assets and name them, or with ``check`` name those that differ; returns the exit code.

    Raises:
        ConfigurationError: npm is missing or failed, or a checksum differs from the lock.
    """
    wrong = check_files() if check else []
    fetched = [] if check else fetch(update=update)
    lines = [f"differs: {path}" for path in wrong] + fetched
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    return 1 if wrong else 0
