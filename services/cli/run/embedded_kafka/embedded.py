"""Apache Kafka itself as a child process: no Docker, no root, data below a folder of ours."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from services.cli.run.embedded_kafka import bound_to_parent
from services.cli.run.embedded_kafka.cache import Report, report_nothing
from services.cli.run.embedded_kafka.config import java_options
from services.cli.run.embedded_kafka.data_lock import DataLock
from services.cli.run.embedded_kafka.errors import BrokerError, BrokerNotReadyError
from services.cli.run.embedded_kafka.ports import HOST
from services.cli.run.embedded_kafka.preparation import Folders, Membership, Prepared, make_ready
from services.cli.run.embedded_kafka.readiness import POLL_S, wait_until_answers
from services.cli.run.embedded_kafka.runnable import RunnableBroker
from shared.settings import KafkaSettings

START_DEADLINE = timedelta(seconds=60)  # 2 s on an idle machine; a loaded one must not fail
STOP_DEADLINE = timedelta(seconds=15)
HEAP_MIB = 256


class EmbeddedKafka(RunnableBroker):
    """One node below ``var``: settings and data in ``var/kafka``, its log in ``var/log/kafka.log``.

    ``prepare()`` may block for long (it fetches and formats); ``start()``, ``wait_ready()`` and ``stop()`` run Kafka as
    a child of this process. A caller that runs its own children uses ``command()``, ``environment()`` and
    ``inherited_files()`` instead of ``start()``. After a restart Kafka has the same port and data. ``async with`` calls
    ``prepare``, ``start``, ``wait_ready`` and ``stop``.

    Args:
        var: The folder for everything that changes.
        port: The wanted port on the loopback address; if it is taken, or None, a free one is used.
        heap_mib: The JVM's largest heap, in MiB.
        variables: The environment that names the cache, Java and a mirror.
        membership: Which node of a cluster it is (`cluster.py`); None for a single open node.
    """

    def __init__(
        self,
        var: Path,
        *,
        port: int | None = None,
        heap_mib: int = HEAP_MIB,
        variables: Mapping[str, str] = os.environ,
        membership: Membership | None = None,
    ) -> None:
        name = membership.name if membership is not None else "kafka"
        self.folders = Folders(home=var.absolute() / name, logs=var.absolute() / "log")
        self._membership = membership
        self._wanted_port = port
        self._heap_mib = heap_mib
        self._variables = variables
        self._lock = DataLock(self.folders.home / "lock")
        self._prepared: Prepared | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port clients use; known once prepared."""
        return self._ready_to_start().port

    @property
    def bootstrap_servers(self) -> str:
        """``host:port``; known once prepared."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs as a child of this object's."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def connection(self) -> KafkaSettings:
        """How clients reach it; known once prepared. Clients reach a node of a cluster through its cluster."""
        if self._membership is not None:
            raise BrokerError("A node of a cluster has no connection of its own: use EmbeddedCluster.connection")
        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers,
            security_protocol="PLAINTEXT",
            sasl_username=None,
            sasl_password=None,
            ssl_ca_file=None,
            replication_factor=1,
            min_insync_replicas=1,
        )

    def describe(self) -> str:
        """One line for a person: the broker's version, address and Java."""
        prepared = self._ready_to_start()
        return f"embedded Apache Kafka {prepared.version} at {self.bootstrap_servers} on {prepared.java.describe()}"

    def prepare(self, report: Report = report_nothing) -> None:
        """Lock the data, fetch the jars, choose ports, write the settings and format the data once. Blocks.

        Calling it again changes nothing, not even the ports.

        Raises:
            BrokerError: something is missing, or another process uses the data; the message says what to do.
        """
        self._lock.acquire()
        if self._prepared is not None:
            return
        try:
            self._prepared = make_ready(
                self.folders,
                port=self._wanted_port,
                membership=self._membership,
                variables=self._variables,
                report=report,
                lock_file=self._lock.descriptor,
            )
        except BaseException:
            self._lock.release()
            raise

    def command(self) -> list[str]:
        """The command line of Kafka, once prepared."""
        prepared = self._ready_to_start()
        options = java_options(java_major=prepared.java.major, heap_mib=self._heap_mib, log_file=self.folders.log_file)
        return [str(prepared.java.executable), *options, "kafka.Kafka", str(prepared.config)]

    def environment(self) -> dict[str, str]:
        """The environment of Kafka's process, once prepared; the classpath is in it, so that ``ps`` stays readable."""
        return {**self._variables, "CLASSPATH": self._ready_to_start().classpath}

    def inherited_files(self) -> tuple[int, ...]:
        """Descriptors that Kafka's process must inherit (``pass_fds``): with them it holds the lock on its data."""
        return (self._lock.acquire().descriptor,)

    def start(self) -> None:
        """Start it as a child that a Ctrl-C in the terminal does not reach and that, on Linux, ends with this process.

        Raises:
            BrokerError: it is not prepared, runs already, or this is not the main thread.
            DataInUseError: another process has locked the data since.
        """
        if threading.current_thread() is not threading.main_thread():
            raise BrokerError("Start Kafka from the main thread: Linux ends it with the thread that started it")
        if self.pid is not None:
            raise BrokerError(f"Kafka runs already, as process {self.pid}")
        bound = [sys.executable, "-I", "-S", bound_to_parent.__file__, str(os.getpid()), *self.command()]
        with self.folders.console_file.open("ab") as console:
            self._process = subprocess.Popen(  # noqa: S603  # our own command line
                bound,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.inherited_files(),
            )

    async def wait_ready(self, deadline: timedelta = START_DEADLINE) -> None:
        """Return once a client gets an answer.

        Raises:
            BrokerNotReadyError: the child ended or the deadline passed; the message ends with Kafka's last log lines.
        """
        give_up = time.monotonic() + deadline.total_seconds()

        def still_worth_it() -> None:
            if self._process is not None and self._process.poll() is not None:
                raise BrokerNotReadyError(self._and_log(f"Kafka ended with status {self._process.returncode}"))
            if time.monotonic() > give_up:
                raise BrokerNotReadyError(self._and_log(f"Kafka did not answer in {deadline.total_seconds():.0f} s"))

        if self._membership is None:
            await wait_until_answers(HOST, self.port, still_worth_it=still_worth_it)
        else:
            port, credentials = self._membership.member.nodes_port, self._membership.cluster.admin_credentials()
            await wait_until_answers(HOST, port, still_worth_it=still_worth_it, credentials=credentials)

    def kill(self) -> None:
        """Send SIGKILL to the child, as in a crash; the data stay locked for its next start."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_DEADLINE.total_seconds())

    async def end(self, deadline: timedelta = STOP_DEADLINE) -> None:
        """Stop the child, by force after the deadline; the data stay locked for its next start."""
        if self._process is not None and not await _ends(self._process, signal.SIGTERM, deadline):
            await _ends(self._process, signal.SIGKILL, deadline)
        self._process = None

    async def stop(self, deadline: timedelta = STOP_DEADLINE) -> None:
        """Stop the child, by force after the deadline, and unlock the data. Does nothing if nothing runs."""
        await self.end(deadline)
        self._lock.release()

    def _ready_to_start(self) -> Prepared:
        if self._prepared is None:
            raise BrokerError("Call prepare() first: it fetches Kafka and chooses its port")
        return self._prepared

    def _and_log(self, what: str) -> str:
        said = [_tail(self.folders.console_file), _tail(self.folders.log_file)]
        return f"{what}. Its log is {self.folders.log_file}; the last lines:\n" + "\n".join(filter(None, said))


async def _ends(process: subprocess.Popen[bytes], by: signal.Signals, deadline: timedelta) -> bool:
    """Send a signal and return whether the process ended in time. asyncio can only wait for processes it started."""
    give_up = time.monotonic() + deadline.total_seconds()
    process.send_signal(by)
    while process.poll() is None:
        if time.monotonic() > give_up:
            return False
        await asyncio.sleep(POLL_S)
    return True


def _tail(file: Path, lines: int = 15) -> str:
    try:
        with file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 8192))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
