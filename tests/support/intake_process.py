"""The real intake process, with keys of its own; Kafka may be away, which it must not mind."""

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator
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
    """One running intake."""

    url: str
    directory: Path
    process: asyncio.subprocess.Process

    async def is_live(self) -> bool:
        """Whether it answers."""
        try:
            async with httpx2.AsyncClient() as client:
                return (await client.get(f"{self.url}/health/live")).is_success
        except httpx2.TransportError:
            return False


@asynccontextmanager
async def intake_process(directory: Path, bootstrap_servers: str) -> AsyncIterator[IntakeProcess]:
    """Start an intake below a folder; end it with SIGTERM."""
    channels = directory / "channels.yaml"
    entries = [
        f'  - {{name: "{name}", key_sha256: {hashlib.sha256(key.encode()).hexdigest()}, scopes: {SCOPES[name]}}}'
        for name, key in KEYS.items()
    ]
    channels.write_text("\n".join(["channels:", *entries]))
    channels.chmod(0o600)
    port = unused_port()
    environment = os.environ | {
        "LAKSA_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "LAKSA_HTTP_PORT": str(port),
        "LAKSA_SPOOL_DIRECTORY": str(directory / "spool"),
        "LAKSA_CHANNELS_FILE": str(channels),
    }
    with (directory / "intake.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.intake", env=environment, stderr=log
        )
    intake = IntakeProcess(f"http://127.0.0.1:{port}", directory, process)
    try:
        await eventually(intake.is_live, READY_SECONDS)
        yield intake
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)
