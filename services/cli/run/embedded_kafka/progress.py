"""A progress bar while Kafka is fetched."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.run.embedded_kafka.cache import FetchProgress, Report


@contextmanager
def fetch_bar(console: Console) -> Iterator[Report]:
    """A ``report`` for ``prepare()``. Draws nothing if nothing is fetched; without a terminal it prints one line."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:

        def draw(progress: FetchProgress) -> None:
            if not bar.task_ids:
                bar.add_task(progress.line, total=progress.bytes_total)
                if not console.is_terminal:
                    console.print(progress.line)
            bar.update(bar.task_ids[0], completed=progress.bytes_done)

        yield draw
