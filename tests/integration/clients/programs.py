"""Foreign Kafka clients: kcat, and kafkajs on Node.js, each with its user's password."""

import asyncio
import functools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import confluent_kafka

from shared.settings import KafkaSettings
from tests.support.machine import needed

NODE_SOURCES = Path(__file__).parent / "node"
RUN_SECONDS = 60.0
INSTALL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as read by another client."""

    key: str
    headers: Mapping[str, str]
    body: bytes


async def run_program(*command: str, given: bytes = b"", user: KafkaSettings | None = None) -> str:
    """The output of a program, which must succeed. ``user`` is passed to it in environment variables."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(user),
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
async def running_program(*command: str, output: Path, user: KafkaSettings) -> AsyncIterator[None]:
    """Run a program during the block; its output goes to a file."""
    with output.open("wb") as printed:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=printed, stderr=subprocess.STDOUT, env=_environment(user)
        )
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def read_with_kcat(user: KafkaSettings, topic: str, count: int) -> list[Seen]:
    """Read a number of records in one of the department's consumer groups."""
    group = ["-X", "auto.offset.reset=earliest", "-G", f"{_prefix(topic)}-kcat"]
    printed = await run_program(*_kcat(user), "-q", "-J", "-c", str(count), *group, topic)
    return [
        Seen(one["key"], dict(zip(one["headers"][::2], one["headers"][1::2], strict=True)), one["payload"].encode())
        for one in _lines(printed)
    ]


async def write_with_kcat(user: KafkaSettings, topic: str, key: str, value: bytes) -> None:
    """Write one record; kcat sends each line as a record."""
    await run_program(*_kcat(user), "-P", "-t", topic, "-k", key, given=value + b"\n")


@dataclass(frozen=True, slots=True)
class Kafkajs:
    """A folder in which kafkajs is installed."""

    directory: Path

    async def read(self, user: KafkaSettings, topic: str, count: int) -> list[Seen]:
        """Read a number of records in one of the department's consumer groups."""
        printed = await self._run(user, "read.js", topic, str(count), f"{_prefix(topic)}-kafkajs")
        return [Seen(one["key"], one["headers"], one["payload"].encode()) for one in _lines(printed)]

    async def write(self, user: KafkaSettings, topic: str, key: str, value: bytes) -> None:
        """One record."""
        await self._run(user, "write.js", topic, key, given=value)

    def command(self, name: str, source: str) -> list[str]:
        """The command that runs a given script."""
        script = self.directory / name
        script.write_text(source, encoding="utf-8")
        return [needed("node", "nodejs"), str(script)]

    async def _run(self, user: KafkaSettings, script: str, *arguments: str, given: bytes = b"") -> str:
        command = (needed("node", "nodejs"), str(self.directory / script), *arguments)
        return await run_program(*command, given=given, user=user)


def install_kafkajs(directory: Path) -> Kafkajs:
    """Install the packages of the lock file, checked by hash, into a temporary folder."""
    needed("node", "nodejs")
    shutil.copytree(NODE_SOURCES, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    install = [needed("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(install, cwd=directory, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    assert done.returncode == 0, f"npm could not install kafkajs; it needs its registry:\n{done.stderr}"
    return Kafkajs(directory)


def _kcat(user: KafkaSettings) -> list[str]:
    name, password = _credentials(user)
    options = {
        "security.protocol": user.security_protocol,
        "sasl.mechanisms": user.sasl_mechanism,
        "sasl.username": name,
        "sasl.password": password,
    }
    given = [part for option, value in options.items() for part in ("-X", f"{option}={value}")]
    return [needed("kcat", "kcat"), "-b", user.bootstrap_servers, *given]


def _environment(user: KafkaSettings | None) -> dict[str, str]:
    """The environment variables of docs/consuming.md, and for kcat a librdkafka that works with Kafka 4."""
    variables = os.environ | {"KAFKAJS_NO_PARTITIONER_WARNING": "1", "LD_LIBRARY_PATH": _library_folder()}
    if user is None:
        return variables
    name, password = _credentials(user)
    return variables | {"KAFKA_BROKERS": user.bootstrap_servers, "KAFKA_USER": name, "KAFKA_PASSWORD": password}


@functools.cache
def _library_folder() -> str:
    """The librdkafka of confluent-kafka under the name by which kcat looks for it.

    Debian 12's version 2.0.2 sends a wrong nonce with SCRAM, which Kafka 4 refuses as a wrong password (fixed in
    2.6.1).
    """
    [library] = (Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs").glob("librdkafka-*.so.1")
    folder = tempfile.mkdtemp(prefix="laksa-librdkafka-")
    Path(folder, "librdkafka.so.1").symlink_to(library)
    return folder


def _credentials(user: KafkaSettings) -> tuple[str, str]:
    assert user.sasl_username is not None
    assert user.sasl_password is not None
    return user.sasl_username, user.sasl_password.get_secret_value()


def _prefix(topic: str) -> str:
    """The prefix of a department's consumer groups."""
    return topic.split(".")[1]


def _lines(printed: str) -> Iterable[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]
