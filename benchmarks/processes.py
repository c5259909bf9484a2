"""Starts and stops the measured programs, each as its own process."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

END_SECONDS = 20.0


@asynccontextmanager
async def running(
    module: Sequence[str], log: Path, variables: Mapping[str, str] | None = None, *, python: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``python -m`` a module for the duration of the block; stop it with SIGTERM, or SIGKILL if it does not react.

    ``python`` is the interpreter to use instead of this one.
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            str(python or sys.executable),
            "-m",
            *module,
            env={**os.environ, **(variables or {})},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
