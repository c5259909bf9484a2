"""What docker-compose.yml describes, run as processes of this machine: the file's own commands, environment and order.

Only what a container gives is replaced: host names by the loopback address, ports by free ones, mounted paths by
folders. Kafka is set up by the class that the image's entry point runs, PostgreSQL by the script that its image runs.
"""

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from services.cli.deploy.deploy_secrets import Deployment
from services.cli.run.embedded_kafka import bound_to_parent
from services.cli.run.embedded_kafka.cache import JarCache, cache_folder
from services.cli.run.embedded_kafka.jars import read_lock
from services.cli.run.embedded_kafka.java import find_java
from services.cli.run.embedded_kafka.ports import HOST, choose_port
from services.cli.run.embedded_kafka.repository import MavenRepository
from services.cli.run.postgres import EmbeddedPostgres
from tests.support.deploy import dockerfile
from tests.support.deploy.compose import PROJECT, SECRETS_FOLDER, ComposeFile, Service, listens_on
from tests.support.waiting import eventually

KAFKA_IMAGE = "apache/kafka"
POSTGRES_IMAGE = "postgres"
KAFKA_SETUP = "kafka.docker.KafkaDockerWrapper"  # what the image's entry point runs first
KAFKA_SERVER = "kafka.Kafka"
SMALL_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")  # this machine's, not the file's
HEALTHY_SECONDS = 90.0
JOB_SECONDS = 90.0  # the topics job alone may wait 60 for busy nodes
STOP_SECONDS = 20.0
# images of others whose program may be here: its name in Debian, its port, and the option that says where it listens
PROGRAMS = {
    "prom/prometheus": ("prometheus", 9090, "--web.listen-address={}"),
    "prom/alertmanager": ("prometheus-alertmanager", 9093, "--web.listen-address={}"),
}
INIT_FOLDER = "/docker-entrypoint-initdb.d"
CONFIG_FOLDER = "/mnt/shared/config"


@dataclass
class Machine:
    """Takes the place of the container engine."""

    compose: ComposeFile
    folder: Path
    deployment: Deployment
    ports: dict[tuple[str, int], int] = field(default_factory=dict)
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    _classpath: str = ""

    def __post_init__(self) -> None:
        for service in self.compose.services.values():
            for port in listens_on(service):
                taken = set(self.ports.values())
                while (free := choose_port()) in taken:
                    pass
                self.ports[service.name, port] = free
        self.logs.mkdir()
        self.secrets.mkdir()
        self.work_folder = dockerfile.make_work_folder(self.folder / "app")

    @property
    def logs(self) -> Path:
        """What each process said."""
        return self.folder / "logs"

    @property
    def secrets(self) -> Path:
        """In place of /run/secrets."""
        return self.folder / "secrets"

    def address(self, service: str, port: int) -> str:
        """Where a container's port is here."""
        return f"{HOST}:{self.ports[service, port]}"

    async def start(self, service: Service) -> None:
        """Start a service once those that it waits for are as it wants them; a job is waited for to its end."""
        for name, condition in service.waits_for.items():
            assert name in self.running, f"{service.name} waits for {name}, which was not started"
            if condition == "service_healthy":
                await self.is_healthy(self.compose.services[name])
        self._provide(service)
        self.environments[service.name] = self.environment_of(service)
        match str(service.content["image"]).partition(":")[0]:
            case image if image == KAFKA_IMAGE:
                await self._start_kafka(service)
            case image if image == POSTGRES_IMAGE:
                await self._start_postgres(service)
            case image if image in PROGRAMS:
                await self._start_program(service, *PROGRAMS[image])
            case _:
                await self._start_own(service)

    def has_program_for(self, service: Service) -> bool:
        """Whether an image of others can be stood in for by a program that is on this machine."""
        found = PROGRAMS.get(str(service.content["image"]).partition(":")[0])
        return found is not None and shutil.which(found[0]) is not None

    async def stop(self) -> None:
        """End all of it, the last started first, and leave nothing behind."""
        for name, process in reversed(self.running.items()):
            if process.returncode is None:
                process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        for process in self.running.values():
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()

    async def is_healthy(self, service: Service) -> None:
        """Return once the service's own healthcheck says so."""
        command = service.health_command
        assert command is not None, f"{service.name} has no healthcheck to wait for"

        async def passes() -> bool:
            assert self.running[service.name].returncode is None, self.last_words(service.name)
            return await self._says_healthy(service, self._here(service, command))

        await eventually(passes, HEALTHY_SECONDS)

    async def _says_healthy(self, service: Service, command: list[str]) -> bool:
        if command[0] != "wget":
            return await self._run(service, command, "health") == 0
        try:  # the little wget of others' images asks for one address, and so does this
            async with httpx2.AsyncClient() as client:
                return (await client.get(command[-1])).is_success
        except httpx2.TransportError:
            return False

    def environment_of(self, service: Service) -> dict[str, str]:
        """A container's environment, with what is elsewhere here."""
        own = {name: self.translate(service, value) for name, value in service.environment.items()}
        for name in ("LAKSA_HTTP_PORT", "EXPORTER_PORT"):
            if name in own:
                own[name] = str(self.ports[service.name, int(own[name])])
        if own.get("LAKSA_HTTP_HOST") == "0.0.0.0":  # noqa: S104  # what the file says; here it is not bound
            own["LAKSA_HTTP_HOST"] = HOST
        image = dockerfile.environment() if service.is_ours else {}
        return {"PATH": os.environ["PATH"], **image, **own}

    def translate(self, service: Service, text: str) -> str:
        """A text of the file with this machine's addresses and paths."""
        for (name, port), free in self.ports.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}:{port}(?!\d)", f"{HOST}:{free}", text)
            if name == service.name:
                text = re.sub(
                    rf"(?<![\d.])(?:0\.0\.0\.0|127\.0\.0\.1)(?P<between>[:/]){port}(?!\d)",
                    rf"{HOST}\g<between>{free}",
                    text,
                )
        for target, path in self._paths(service).items():
            text = re.sub(rf"(?<![\w/]){re.escape(target)}(?=[/\s,;]|$)", str(path), text)
        return text

    def last_words(self, name: str) -> str:
        """The end of what a process said."""
        said = (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return f"{name}:\n" + "\n".join(said.splitlines()[-30:])

    def _paths(self, service: Service) -> dict[str, Path]:
        """Each mounted path of a container, with the folder or file that stands for it here."""
        volumes, folders = self.folder / "volumes", self.folder / "mounts" / service.name
        paths = {
            mount.target: volumes / mount.source if mount.is_named else folders / Path(mount.source).name
            for mount in service.mounts
        }
        return paths | {f"{SECRETS_FOLDER}/{name}": self.secrets / name for name in service.secrets}

    def _provide(self, service: Service) -> None:
        """Put in place what a container is given: secrets, empty volumes, and this project's folders."""
        for name in service.secrets:
            text = (self.deployment.root / self.compose.secret_file(name)).read_text(encoding="utf-8")
            (self.secrets / name).write_text(self.translate(service, text), encoding="utf-8")
        for mount in service.mounts:
            path = self._paths(service)[mount.target]
            if mount.is_named:
                path.mkdir(parents=True, exist_ok=True)
                continue
            shutil.copytree(PROJECT / mount.source, path, dirs_exist_ok=True)
            for file in (one for one in path.rglob("*") if one.is_file()):
                file.write_text(self.translate(service, file.read_text(encoding="utf-8")), encoding="utf-8")

    async def _start_program(self, service: Service, program: str, port: int, listen: str) -> None:
        path = shutil.which(program)
        assert path is not None, f"{program} is not here: ask tests.support.machine.needed first"
        command = self._here(service, [path, *service.command])
        await self._launch(service, [*command, listen.format(self.address(service.name, port))], folder=self.folder)

    async def _start_own(self, service: Service) -> None:
        command = self._here(service, [*dockerfile.entrypoint(), *service.command])
        await self._launch(service, command, folder=self.work_folder)
        if service.is_job:
            status = await asyncio.wait_for(self.running[service.name].wait(), JOB_SECONDS)
            assert status == 0, self.last_words(service.name)

    async def _start_kafka(self, service: Service) -> None:
        environment = self.environments[service.name]
        environment["CLASSPATH"] = await asyncio.to_thread(self._jars)
        config, nothing = self.folder / service.name, self.folder / "empty"
        config.mkdir()
        nothing.mkdir(exist_ok=True)
        java = str(find_java(os.environ).executable)
        folders = ["--default-configs-dir", nothing, "--mounted-configs-dir", self._paths(service)[CONFIG_FOLDER]]
        setup = [java, *SMALL_JVM, KAFKA_SETUP, "setup", *folders, "--final-configs-dir", config]
        assert await self._run(service, [str(part) for part in setup], service.name) == 0, self.last_words(service.name)
        heap = shlex.split(environment["KAFKA_HEAP_OPTS"])
        logging = f"-Dlog4j2.configurationFile={config / 'log4j2.yaml'}"
        server = [java, *SMALL_JVM, *heap, logging, KAFKA_SERVER, str(config / "server.properties")]
        await self._launch(service, server, folder=self.folder)

    async def _start_postgres(self, service: Service) -> None:
        postgres = EmbeddedPostgres(self.folder / "volumes" / "postgres", self.ports[service.name, 5432])
        await asyncio.to_thread(postgres.prepare)
        program = postgres.program()
        # the options of the file's command, behind this machine's own
        options = service.command[1:]
        user = [f"{bound_to_parent.USER}{program.user}"] if program.user else []
        self.environments[service.name] |= dict(program.environment)
        await self._launch(service, [*user, *program.command, *options], folder=program.folder)
        await postgres.wait_until_it_answers(HEALTHY_SECONDS)
        self.environments[service.name] |= {
            "PATH": f"{Path(program.command[0]).parent}:{os.environ['PATH']}",
            "PGHOST": HOST,
            "PGPORT": str(self.ports[service.name, 5432]),
            "PGPASSWORD": (self.folder / "volumes" / "postgres" / "password").read_text(encoding="ascii"),
        }
        for script in sorted(self._paths(service)[INIT_FOLDER].glob("*.sh")):
            assert await self._run(service, [str(script)], "init") == 0, self.last_words("init")

    def _jars(self) -> str:
        if not self._classpath:
            repository = MavenRepository(os.environ.get("LAKSA_MAVEN_REPOSITORY") or None)
            jars = JarCache(cache_folder(os.environ), repository).provide(read_lock())
            self._classpath = os.pathsep.join(map(str, jars))
        return self._classpath

    def _here(self, service: Service, command: Sequence[str]) -> list[str]:
        program, *arguments = [self.translate(service, part) for part in command]
        return [sys.executable if program == "python" else program, *arguments]

    async def _launch(self, service: Service, command: Sequence[str], folder: Path) -> None:
        bound = [sys.executable, "-I", "-S", bound_to_parent.__file__, str(os.getpid()), *command]
        with (self.logs / f"{service.name}.log").open("ab") as log:
            self.running[service.name] = await asyncio.create_subprocess_exec(
                *bound,
                cwd=folder,
                env=self.environments[service.name],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _run(self, service: Service, command: Sequence[str], log_name: str) -> int:
        """Run a command in a service's environment to its end; its status."""
        environment: Mapping[str, str] = self.environments[service.name]
        with (self.logs / f"{log_name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=self.folder, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            return await asyncio.wait_for(process.wait(), JOB_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
