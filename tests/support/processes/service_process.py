"""A service as the operator starts it: its own process, which tests may stop, kill and start again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from shared.db.migrating import upgrade
from shared.settings import KafkaSettings
from tests.support.kafka.brokers import embedded_kafka, make_pipeline_topics, pipeline_kafka
from tests.support.processes.environment import variables_of
from tests.support.receivers import unused_port
from tests.support.waiting import eventually

PROJECT = Path(__file__).resolve().parents[3]
READY_SECONDS = 60.0
STOP_SECONDS = 20.0  # promise W3


@asynccontextmanager
async def kafka_with_topics(directory: Path, port: int | None = None) -> AsyncIterator[KafkaSettings]:
    """A Kafka with every topic of the pipeline, all empty; with a port named beforehand it is the embedded one."""
    if port is None:
        async with pipeline_kafka(directory) as found:
            yield found
        return
    async with embedded_kafka(directory, port=port) as embedded:
        await make_pipeline_topics(embedded.connection())
        yield embedded.connection()


@dataclass
class ServiceProcess:
    """One service. Started again it has the same port, folder and settings.

    ``command`` is what follows ``python -m``; ``wrapper`` is a command to run it under.
    """

    command: Sequence[str]
    kafka: KafkaSettings
    directory: Path
    settings: dict[str, str] = field(default_factory=dict)
    wrapper: Sequence[str] = ()
    port: int = field(default_factory=unused_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it has logged."""
        return self.directory / f"{self.command[0]}.log"

    async def launch(self) -> None:
        """Bring its tables up to date where it has any, start it, and wait for nothing."""
        if url := self.settings.get("LAKSA_DATABASE_URL"):
            await upgrade(url, PROJECT / self.command[0].replace(".", "/") / "migrations")
        environment = os.environ | {
            **variables_of(self.kafka),
            "LAKSA_HTTP_PORT": str(self.port),
            **self.settings,
        }
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.wrapper, sys.executable, "-m", *self.command, env=environment, stderr=log
            )

    async def start(self) -> None:
        """Start it and wait until it is ready: it has all that it needs, Kafka too."""
        await self.launch()
        await eventually(self.is_ready, READY_SECONDS)

    async def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait until it has ended, and return its status.

        Raises:
            TimeoutError: it is still there after the 20 s that are promised.
        """
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(by)
        return await asyncio.wait_for(self.process.wait(), STOP_SECONDS)

    async def stop(self) -> None:
        """Ask it to end, and see that it did so in order."""
        assert await self.end() in {0, -signal.SIGTERM}  # uvicorn ends by the signal it was sent
        assert "Application shutdown complete" in self.log.read_text()

    async def kill_if_running(self) -> None:
        """For the end of a test, however it went."""
        if self.process is not None:
            await self.end(signal.SIGKILL)

    async def is_live(self) -> bool:
        """Whether it answers."""
        return await self._answers("/health/live")

    async def is_ready(self) -> bool:
        """Whether its readiness says so."""
        return await self._answers("/health/ready")

    async def metrics(self) -> str:
        """What it measures."""
        async with httpx2.AsyncClient() as client:
            return (await client.get(f"{self.url}/metrics")).text

    async def _answers(self, path: str) -> bool:
        try:
            async with httpx2.AsyncClient() as client:
                return (await client.get(f"{self.url}{path}")).is_success
        except httpx2.TransportError:
            return False
