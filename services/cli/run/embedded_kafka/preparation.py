"""Preparing Kafka's start: jars, Java, ports, settings, and a formatted data folder."""

import base64
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.cli.run.embedded_kafka.cache import JarCache, Report, cache_folder
from services.cli.run.embedded_kafka.config import (
    Cluster,
    Member,
    format_properties,
    java_options,
    member_properties,
    server_properties,
)
from services.cli.run.embedded_kafka.errors import BrokerError
from services.cli.run.embedded_kafka.jars import read_lock
from services.cli.run.embedded_kafka.java import Java, find_java
from services.cli.run.embedded_kafka.ports import choose_port
from services.cli.run.embedded_kafka.repository import MavenRepository

FORMAT_TIMEOUT_S = 120
FORMAT_HEAP_MIB = 128
SERVER_JAR = "kafka_2.13"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What Kafka's command line is made from."""

    version: str
    java: Java
    classpath: str
    port: int
    config: Path


@dataclass(frozen=True, slots=True)
class Membership:
    """A Kafka's cluster and its node in it."""

    cluster: Cluster
    member: Member

    @property
    def name(self) -> str:
        """The name of its folder and its logs."""
        return f"kafka-{self.member.id}"


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders and files of one Kafka."""

    home: Path
    logs: Path

    @property
    def data(self) -> Path:
        """The partitions; exists only after formatting has finished."""
        return self.home / "data"

    @property
    def log_file(self) -> Path:
        """Kafka's log, which it rotates."""
        return self.logs / f"{self.home.name}.log"

    @property
    def console_file(self) -> Path:
        """The output of the JVM itself."""
        return self.logs / f"{self.home.name}.out"


def make_ready(
    folders: Folders,
    *,
    port: int | None,
    membership: Membership | None,
    variables: Mapping[str, str],
    report: Report,
    lock_file: int,
) -> Prepared:
    """Fetch the jars, choose ports, write the settings and format the data; existing jars and data are kept.

    A member of a cluster has the ports that the other members know; a single node takes ``port`` or a free one.

    Raises:
        BrokerError: one of these steps fails; the message says what to do.
    """
    java = find_java(variables)
    locked = read_lock()
    repository = MavenRepository(variables.get("LAKSA_MAVEN_REPOSITORY") or None)
    jars = JarCache(cache_folder(variables), repository).provide(locked, report)
    chosen, settings = _choose_settings(folders, port, membership)
    folders.logs.mkdir(parents=True, exist_ok=True)
    prepared = Prepared(
        version=next(jar.version for jar in locked if jar.artifact == SERVER_JAR),
        java=java,
        classpath=os.pathsep.join(map(str, jars)),
        port=chosen,
        config=folders.home / "server.properties",
    )
    _write_settings(prepared.config, settings)
    if not folders.data.exists():
        new = ["--standalone", "-t", new_cluster_id()] if membership is None else ["-t", membership.cluster.id]
        _format(folders, prepared, settings, new, lock_file)
    return prepared


def _choose_settings(folders: Folders, port: int | None, membership: Membership | None) -> tuple[int, dict[str, str]]:
    if membership is not None:
        member = membership.member
        return member.port, member_properties(membership.cluster, member, log_dir=folders.data)
    chosen = choose_port(port)
    controller_port = choose_port(chosen + 1, but=chosen)
    return chosen, server_properties(port=chosen, controller_port=controller_port, log_dir=folders.data)


def _write_settings(file: Path, settings: Mapping[str, str]) -> None:
    """Only the owner may read them: those of a cluster contain passwords."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(format_properties(settings), encoding="ascii")


def _format(
    folders: Folders, prepared: Prepared, settings: Mapping[str, str], new: Sequence[str], lock_file: int
) -> None:
    """Format another folder and rename it, so that Kafka never starts on a half-formatted one."""
    unfinished = folders.home / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    config = folders.home / "format.properties"
    _write_settings(config, {**settings, "log.dirs": str(unfinished)})
    options = java_options(java_major=prepared.java.major, heap_mib=FORMAT_HEAP_MIB, log_file=folders.log_file)
    storage_tool = ["kafka.tools.StorageTool", "format", *new, "-c", str(config)]
    done = subprocess.run(  # noqa: S603  # our own command line
        [prepared.java.executable, *options, *storage_tool],
        env={**os.environ, "CLASSPATH": prepared.classpath},
        pass_fds=(lock_file,),
        capture_output=True,
        text=True,
        timeout=FORMAT_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise BrokerError(f"Kafka could not format {folders.data}; is the disk full?\n{done.stdout}{done.stderr}")
    unfinished.rename(folders.data)
    config.unlink()


def new_cluster_id() -> str:
    """Kafka's form of a UUID: 22 characters of URL-safe base64; the first byte prevents a dash at the start."""
    return base64.urlsafe_b64encode(b"L" + secrets.token_bytes(15)).decode().rstrip("=")
