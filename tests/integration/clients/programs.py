"""Kafka clients that are not ours: kcat, and kafkajs on Node.js."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.machine import needed

NODE_SOURCES = Path(__file__).parent / "node"
RUN_SECONDS = 60.0
INSTALL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as another client saw it."""

    key: str
    headers: Mapping[str, str]
    body: bytes


async def run_program(*command: str, given: bytes = b"") -> str:
    """What a program prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    try:
        printed, complained = await asyncio.wait_for(process.communicate(given), RUN_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, (printed + complained).decode(errors="replace")
    return printed.decode()


@asynccontextmanager
async def running_program(*command: str, output: Path) -> AsyncIterator[None]:
    """A program that runs for as long as the block; what it prints goes to a file."""
    with output.open("wb") as printed:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=printed, stderr=subprocess.STDOUT, env=_environment()
        )
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def read_with_kcat(broker: str, topic: str, count: int) -> list[Seen]:
    """So many records, in a consumer group that kcat joins."""
    group = ["-X", "auto.offset.reset=earliest", "-G", f"kcat-{topic}"]
    printed = await run_program(needed("kcat", "kcat"), "-b", broker, "-q", "-J", "-c", str(count), *group, topic)
    return [
        Seen(one["key"], dict(zip(one["headers"][::2], one["headers"][1::2], strict=True)), one["payload"].encode())
        for one in _lines(printed)
    ]


async def write_with_kcat(broker: str, topic: str, key: str, value: bytes) -> None:
    """One record; kcat sends each line as one."""
    await run_program(needed("kcat", "kcat"), "-b", broker, "-P", "-t", topic, "-k", key, given=value + b"\n")


@dataclass(frozen=True, slots=True)
class Kafkajs:
    """A folder in which kafkajs is installed."""

    directory: Path

    async def read(self, broker: str, topic: str, count: int) -> list[Seen]:
        """So many records, in a consumer group of its own."""
        printed = await self._run("read.js", broker, topic, str(count))
        return [Seen(one["key"], one["headers"], one["payload"].encode()) for one in _lines(printed)]

    async def write(self, broker: str, topic: str, key: str, value: bytes) -> None:
        """One record."""
        await self._run("write.js", broker, topic, key, given=value)

    def command(self, name: str, source: str) -> list[str]:
        """How to run a script of somebody else's."""
        script = self.directory / name
        script.write_text(source, encoding="utf-8")
        return [needed("node", "nodejs"), str(script)]

    async def _run(self, script: str, *arguments: str, given: bytes = b"") -> str:
        return await run_program(needed("node", "nodejs"), str(self.directory / script), *arguments, given=given)


def install_kafkajs(directory: Path) -> Kafkajs:
    """Install what the lock file says, each package checked by its hash, into a folder of the test's own."""
    needed("node", "nodejs")
    shutil.copytree(NODE_SOURCES, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    install = [needed("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(install, cwd=directory, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    assert done.returncode == 0, f"npm could not install kafkajs; it needs its registry:\n{done.stderr}"
    return Kafkajs(directory)


def _environment() -> dict[str, str]:
    return os.environ | {"KAFKAJS_NO_PARTITIONER_WARNING": "1"}


def _lines(printed: str) -> Iterable[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]
