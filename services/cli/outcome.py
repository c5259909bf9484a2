"""The exit code of a command, and the display of the project's errors on the terminal."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import typer
from rich.console import Console

from shared.errors import LaksaError

CTRL_C = 130  # 128 + SIGINT, as in shells


def exit_code_of(work: Coroutine[Any, Any, int] | Callable[[], int], console: Console) -> int:
    """Run the coroutine and return its exit code; 1 with a message for a `LaksaError`."""
    try:
        return work() if callable(work) else asyncio.run(work)
    except LaksaError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return CTRL_C


def finish(work: Coroutine[Any, Any, int] | Callable[[], int], console: Console) -> NoReturn:
    """Run the coroutine and end the command.

    Raises:
        typer.Exit: always, with the exit code.
    """
    raise typer.Exit(exit_code_of(work, console))
