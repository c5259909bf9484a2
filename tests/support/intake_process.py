"""The real intake process, with keys of its own; Kafka may be away, which it must not mind."""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.support.receivers import unused_port
from tests.support.waiting import eventually

READY_SECONDS = 60.0
KEYS = {"laksa": "key-of-laksa", "112": "key-of-112"}
SCOPES = {"laksa": "[]", "112": "[calls, backfill, exercise]"}


@dataclass
class IntakeProcess:
    """One intake; started again it has the same spool, keys and port. ``wrapper`` is a command to run it under."""

    directory: Path
    bootstrap_servers: str
    port: int
    wrapper: Sequence[str] = ()
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it answers; Kafka may be away."""
        environment = os.environ | {
            "LAKSA_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "LAKSA_HTTP_PORT": str(self.port),
            "LAKSA_SPOOL_DIRECTORY": str(self.directory / "spool"),
            "LAKSA_CHANNELS_FILE": str(_write_channels(self.directory)),
        }
        with (self.directory / "intake.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.wrapper, sys.executable, "-m", "services.intake", env=environment, stderr=log
            )
        await eventually(self.is_live, READY_SECONDS)

    async def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait until it has ended, and return its status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(by)
        return await asyncio.wait_for(self.process.wait(), 20)

    async def is_live(self) -> bool:
        """Whether it answers."""
        return await self._answers("/health/live")

    async def is_ready(self) -> bool:
        """Whether it has all that it needs, Kafka too."""
        return await self._answers("/health/ready")

    async def _answers(self, path: str) -> bool:
        try:
            async with httpx2.AsyncClient() as client:
                return (await client.get(f"{self.url}{path}")).is_success
        except httpx2.TransportError:
            return False


def _write_channels(directory: Path) -> Path:
    file = directory / "channels.yaml"
    entries = [
        f'  - {{name: "{name}", key_sha256: {hashlib.sha256(key.encode()).hexdigest()}, scopes: {SCOPES[name]}}}'
        for name, key in KEYS.items()
    ]
    file.write_text("\n".join(["channels:", *entries]))
    file.chmod(0o600)
    return file


@asynccontextmanager
async def intake_process(
    directory: Path, bootstrap_servers: str, wrapper: Sequence[str] = ()
) -> AsyncIterator[IntakeProcess]:
    """Start an intake below a folder; end it with SIGTERM."""
    intake = IntakeProcess(directory, bootstrap_servers, unused_port(), wrapper)
    try:
        await intake.start()
        yield intake
    finally:
        if intake.process is not None:
            await intake.end()
