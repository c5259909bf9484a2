"""How a command ends: its exit code, and what an error of ours looks like on the terminal."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import typer
from rich.console import Console

from shared.errors import LaksaError

CTRL_C = 130  # 128 + SIGINT, as shells have it


def exit_code_of(work: Coroutine[Any, Any, int] | Callable[[], int], console: Console) -> int:
    """Do the work and return its exit code; 1 with a message for an error of ours."""
    try:
        return work() if callable(work) else asyncio.run(work)
    except LaksaError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return CTRL_C


def finish(work: Coroutine[Any, Any, int] | Callable[[], int], console: Console) -> NoReturn:
    """Do the work and end the command.

    Raises:
        typer.Exit: always, with the exit code.
    """
    raise typer.Exit(exit_code_of(work, console))
