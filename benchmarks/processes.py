"""Starting what is measured as a process of its own, and ending it."""

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
    """``python -m`` something, while the block lasts; ended by SIGTERM, or SIGKILL where it is deaf to that.

    ``python`` is another interpreter than this one.
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
