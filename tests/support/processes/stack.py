"""The whole pipeline as its user starts it, on data and ports of its own, with hands to kill parts of it."""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import aiohttp
import httpx2
import psutil

from services.cli.front_door import FrontDoor
from services.cli.run.draining import wait_until_drained
from shared.settings import KafkaSettings
from tests.support.processes.environment import variables_of
from tests.support.waiting import eventually

PROJECT = Path(__file__).resolve().parents[3]
LAKSA = (sys.executable, "-m", "services.cli.main")
START_SECONDS = 120.0
STOP_SECONDS = 20.0  # promised in the README
HEAL_SECONDS = 60.0
DRAIN_SECONDS = 90.0
GONE_SECONDS = 15.0


@dataclass
class Stack:
    """One data folder, and what runs on it."""

    var: Path
    ports: Literal["fixed", "free"] = "free"
    given_kafka: KafkaSettings | None = None  # else `laksa run` starts its own
    process: asyncio.subprocess.Process | None = None
    _known: dict[int, psutil.Process] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to work on this folder instead of the user's own."""
        given = variables_of(self.given_kafka) if self.given_kafka is not None else {}
        return os.environ | {"LAKSA_VAR_DIR": str(self.var), "LAKSA_PORTS": self.ports, "COLUMNS": "120"} | given

    @property
    def run(self) -> dict[str, Any]:
        """``run.json`` as it stands now."""
        read: dict[str, Any] = json.loads((self.var / "run.json").read_text())
        return read

    @property
    def kafka(self) -> KafkaSettings:
        """How to reach its Kafka."""
        return self.given_kafka or KafkaSettings(bootstrap_servers=self.run["kafka"])

    def url(self, service: str) -> str:
        """A service's address."""
        return str(self.run["services"][service])

    @property
    def api_keys(self) -> Mapping[str, str]:
        """The channels' keys."""
        keys: dict[str, str] = self.run["api_keys"]
        return keys

    async def start(self, *arguments: str, reference_data: bool = False) -> None:
        """Start it; return once it tells its addresses."""
        environment = self.environment | {"LAKSA_REFERENCE_DATA": str(reference_data)}
        with self.var.with_suffix(".out").open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *LAKSA,
                "run",
                *arguments,
                cwd=PROJECT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        await eventually(self.is_told, START_SECONDS)

    def is_told(self) -> bool:
        """Whether ``run.json`` is there; fails with the output where the process has ended instead."""
        assert self.process is not None
        assert self.process.returncode is None, self.output()
        if not (self.var / "run.json").exists():
            return False
        self.remember_pids()
        return True

    def output(self) -> str:
        """What it printed."""
        return self.var.with_suffix(".out").read_text(errors="replace")

    async def run_to_its_end(self, *arguments: str, seconds: float = START_SECONDS) -> tuple[int, str]:
        """Run a ``laksa`` command on this folder: its exit status and what it printed."""
        return await run_command([*LAKSA, *arguments], self.environment, seconds)

    async def stop(self) -> int:
        """SIGTERM; its exit status.

        Raises:
            TimeoutError: it is still there after the 20 s that are promised.
        """
        assert self.process is not None
        self.remember_pids()
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), STOP_SECONDS)

    def remember_pids(self) -> None:
        """Look at the processes of now, so that later one can tell whether they are gone."""
        for pid in self.run["pids"].values():
            if pid not in self._known and psutil.pid_exists(pid):
                self._known[pid] = psutil.Process(pid)

    def still_there(self) -> list[psutil.Process]:
        """Which of all processes it ever told of still run."""
        return [one for one in self._known.values() if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    async def is_gone(self) -> None:
        """Return once none of its processes is left.

        Raises:
            AssertionError: one is.
        """
        await eventually(lambda: not self.still_there(), GONE_SECONDS)

    def kill(self, name: str) -> int:
        """SIGKILL one process, and return what its id was."""
        self.remember_pids()
        pid = int(self.run["pids"][name])
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_everything(self) -> None:
        """SIGKILL all of it, the supervisor first so that it restarts nothing."""
        self.remember_pids()
        for pid in self.run["pids"].values():
            with contextlib.suppress(ProcessLookupError):  # the kernel may have ended it already, with its parent
                os.kill(pid, signal.SIGKILL)

    async def heals(self, name: str, killed: int) -> None:
        """Return once a killed process is there again under a new id, and everything is ready."""
        await eventually(lambda: self.run["pids"].get(name) not in {None, killed}, HEAL_SECONDS)
        self.remember_pids()
        await eventually(self.is_ready, HEAL_SECONDS)

    async def is_ready(self) -> bool:
        """Whether every service says so."""
        async with httpx2.AsyncClient(timeout=5) as client:
            try:
                answers = [await client.get(f"{address}/health/ready") for address in self.run["services"].values()]
            except httpx2.HTTPError:
                return False
        return all(answer.status_code == 200 for answer in answers)

    async def get(self, service: str, path: str) -> Any:
        """What a service answers to a path, as JSON."""
        async with httpx2.AsyncClient(timeout=10) as client:
            answer = await client.get(self.url(service) + path)
            answer.raise_for_status()
            return answer.json()

    async def is_drained(self) -> None:
        """Return once nothing is under way any more.

        Raises:
            AssertionError: something still is.
        """
        async with aiohttp.ClientSession() as session:
            door = FrontDoor(session, services=self.run["services"], api_keys=self.api_keys)
            left = await wait_until_drained(door, self.kafka, DRAIN_SECONDS)
        assert left.is_empty, str(left)

    async def kill_at_random(self, victims: Sequence[str], seed: int) -> None:
        """Kill each once, in an order of the seed's, and let it heal before the next."""
        order = list(victims)
        random.Random(seed).shuffle(order)
        for name in order:
            await self.heals(name, self.kill(name))


async def run_command(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int, str]:
    """Run a command to its end: its exit status and what it printed. It is killed where it takes longer than given."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=PROJECT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), seconds)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode is not None
    return process.returncode, printed.decode(errors="replace")


@asynccontextmanager
async def data_folder(directory: Path, *, kafka: KafkaSettings | None = None) -> AsyncIterator[Stack]:
    """A fresh data folder; whatever still runs on it in the end is killed."""
    stack = Stack(directory / "var", given_kafka=kafka)
    try:
        yield stack
    finally:
        if stack.process is not None and stack.process.returncode is None:
            stack.process.kill()
            await stack.process.wait()
        for process in stack.still_there():
            process.kill()


@asynccontextmanager
async def running_stack(
    directory: Path, *, reference_data: bool = False, kafka: KafkaSettings | None = None
) -> AsyncIterator[Stack]:
    """A pipeline that runs, on data of its own; on a given Kafka or on one of its own."""
    async with data_folder(directory, kafka=kafka) as stack:
        await stack.start(reference_data=reference_data)
        yield stack
