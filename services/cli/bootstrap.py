"""Make ``.venv`` from the lock files: ``bootstrap.py run``, ``postgres`` or ``dev``.

The machine's own Python runs this file, so it uses the standard library only and imports no other module of the
project. Each download is checked against a hash in a lock. It does nothing if the locks, ``pyproject.toml`` and the
interpreter are unchanged.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST_PYTHON = (3, 11)
BOOTSTRAP_LOCK = "requirements-bootstrap.lock"
DOWNLOAD_LOCK = "requirements-download.lock"
# Each set contains the sets above it, so an installed larger set also serves for a smaller set.
SETS = {
    "run": ("requirements-run.lock",),
    "postgres": ("requirements-run.lock", "requirements-postgres.lock"),
    "dev": ("requirements.lock",),
}
DOWNLOAD_MB = {"run": 80, "postgres": 105, "dev": 240}  # on Linux, with an empty cache
PURPOSES = {"run": "to run the pipeline", "postgres": "to run it with PostgreSQL", "dev": "to run, test and lint"}
# The shell part lets the script work where the path of .venv has spaces or is longer than a #! line may be.
SCRIPT = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys
from {module} import {function}
sys.exit({function}())
"""


class SetupError(Exception):
    """A step failed; the message says what to do."""


@dataclass(frozen=True)
class Environment:
    """The ``.venv`` of one checkout of the project."""

    root: Path

    @property
    def folder(self) -> Path:
        """The folder of the environment."""
        return self.root / ".venv"

    @property
    def stamp(self) -> Path:
        """The stamp file: the installed set, and the fingerprint of its inputs."""
        return self.folder / "laksa-stamp"

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.folder / "bin" / "python"

    @property
    def uv(self) -> Path:
        """The environment's uv; it may be missing."""
        return self.folder / "bin" / "uv"

    def locks(self, chosen: str) -> list[Path]:
        """The lock files of a set."""
        return [self.root / name for name in SETS[chosen]]

    def fingerprint(self, chosen: str) -> str:
        """A hash of everything that decides what a set installs."""
        digest = hashlib.sha256(f"{chosen} {self.root}".encode())  # the project is linked by its path
        for file in (*self.locks(chosen), self.root / BOOTSTRAP_LOCK, self.root / "pyproject.toml"):
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def installed_set(self) -> str | None:
        """The set in the stamp; None if there is no stamp or its content is unknown."""
        try:
            name = self.stamp.read_text(encoding="utf-8").partition(" ")[0]
        except OSError:
            return None
        return name if name in SETS else None

    def is_current(self, chosen: str) -> bool:
        """Whether this set was installed from exactly these files, and the interpreter still exists."""
        return (
            self.python.is_file()
            and (self.python.with_name("laksa")).is_file()
            and self.stamp.is_file()
            and self.stamp.read_text(encoding="utf-8") == f"{chosen} {self.fingerprint(chosen)}"
        )

    def write_stamp(self, chosen: str) -> None:
        """Write the stamp of an installed set."""
        self.stamp.write_text(f"{chosen} {self.fingerprint(chosen)}", encoding="utf-8")


def main(arguments: Sequence[str], environment: Environment) -> int:
    """Bring ``.venv`` up to date, with one line per step. Returns the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        say(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}")
        return 1
    chosen = choose_set(arguments[0] if arguments else "run", environment.installed_set())
    if environment.is_current(chosen):
        return 0
    started = time.monotonic()
    try:
        make_environment(environment)
        install_uv(environment)
        install_packages(environment, chosen)
        link_project(environment)
    except SetupError as error:
        say(f"FAILED: {error}")
        return 1
    environment.write_stamp(chosen)
    say(f"ready after {time.monotonic() - started:.0f} s")
    return 0


def choose_set(asked: str, installed: str | None) -> str:
    """The larger of the two: `make run` after `make test` must not uninstall what the tests need."""
    order = list(SETS)
    return max(asked, installed or asked, key=order.index)


def make_environment(environment: Environment) -> None:
    """Make ``.venv`` with pip; make it again if its interpreter does not run or is too old.

    Raises:
        SetupError: ``.venv`` cannot be made.
    """
    if works(environment.python):
        return
    say(f"1/4 making .venv with Python {sys.version.split()[0]}")
    shutil.rmtree(environment.folder, ignore_errors=True)
    try:
        venv.EnvBuilder(with_pip=True, symlinks=True).create(environment.folder)
    except (subprocess.CalledProcessError, OSError, SystemExit) as error:
        shutil.rmtree(environment.folder, ignore_errors=True)
        raise SetupError(f".venv cannot be made ({error}). On Debian and Ubuntu: apt install python3-venv") from error


def install_uv(environment: Environment) -> None:
    """Install the pinned uv, which is several times faster than pip; if that fails, pip is used."""
    say("2/4 installing uv")
    lock = str(environment.root / BOOTSTRAP_LOCK)
    if not run(pip(environment, "install", "--quiet", "--require-hashes", "-r", lock)):
        say("2/4 uv could not be installed (see above); pip installs the packages instead, which takes longer")


def install_packages(environment: Environment, chosen: str) -> None:
    """Install exactly the packages of a set's locks, each checked by its hash.

    Raises:
        SetupError: neither uv nor pip could install them.
    """
    locks = environment.locks(chosen)
    size = f"about {DOWNLOAD_MB[chosen]} MB to download where they are not cached"
    say(f"3/4 installing {len(locked_names(locks))} packages {PURPOSES[chosen]} ({size})")
    if environment.uv.is_file():
        if run(uv_pip(environment, "sync", "--quiet", "--require-hashes", *map(str, locks))):
            return
        say("3/4 uv could not install the packages (see above); trying pip")
    files = [part for lock in locks for part in ("-r", str(lock))]
    if not run(pip(environment, "install", "--quiet", "--require-hashes", *files)):
        raise SetupError(
            "the packages could not be installed; the lines above say why. Check that a package index can be reached "
            "(PIP_INDEX_URL, UV_INDEX_URL, HTTPS_PROXY) and that the disk is not full, then run the same command again"
        )


def install_download_client(environment: Environment, folder: Path) -> None:
    """Install the download client for Kafka's jars into a folder outside ``.venv``: no service needs it.

    Raises:
        SetupError: neither uv nor pip could install them.
    """
    options = ("--quiet", "--target", str(folder), "--require-hashes", "-r", str(environment.root / DOWNLOAD_LOCK))
    if environment.uv.is_file() and run(uv_pip(environment, "install", *options)):
        return
    if not environment.python.is_file() or not run(pip(environment, "install", *options)):
        raise SetupError("The packages that download Apache Kafka could not be installed; the lines above say why")


def locked_names(locks: Iterable[Path]) -> set[str]:
    """The names of the locked packages for this system, without those that only Windows needs."""
    lines = (line for lock in locks for line in lock.read_text(encoding="utf-8").splitlines())
    return {found[1] for line in lines if (found := re.match(r"([a-z0-9-]+)==(?!.*== 'win32')", line))}


def link_project(environment: Environment) -> None:
    """Let ``.venv`` import the project from its source, and write the commands of ``pyproject.toml``.

    Two small files replace an editable install, which would need a build tool and its packages.

    Raises:
        SetupError: the files cannot be written.
    """
    import tomllib  # imported here, because Python 3.10 must reach the message that it is too old

    say("4/4 linking the project into .venv")
    try:
        (packages,) = environment.folder.glob("lib/python3*/site-packages")
        (packages / "laksa.pth").write_text(f"{environment.root}\n", encoding="utf-8")
        described = tomllib.loads((environment.root / "pyproject.toml").read_text(encoding="utf-8"))
        for name, target in described["project"]["scripts"].items():
            write_script(environment, name, target)
    except (OSError, ValueError) as error:
        raise SetupError(f"the project cannot be linked into .venv ({error}). Remove .venv and try again") from error


def write_script(environment: Environment, name: str, target: str) -> None:
    """Write a command into ``.venv/bin``; its target is ``module:function``."""
    module, _, function = target.partition(":")
    script = environment.python.with_name(name)
    script.write_text(SCRIPT.format(python=environment.python, module=module, function=function), encoding="utf-8")
    script.chmod(0o755)


def works(python: Path) -> bool:
    """Whether an interpreter runs, is new enough, and has pip."""
    check = f"import pip, sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    return python.is_file() and run([str(python), "-c", check], quiet=True)


def pip(environment: Environment, *arguments: str) -> list[str]:
    """A command line of the pip in ``.venv``."""
    return [str(environment.python), "-m", "pip", "--disable-pip-version-check", *arguments]


def uv_pip(environment: Environment, command: str, *arguments: str) -> list[str]:
    """A command line of the uv in ``.venv``, for ``.venv``."""
    return [str(environment.uv), "pip", command, "--python", str(environment.python), *arguments]


def run(command: list[str], *, quiet: bool = False) -> bool:
    """Run a command with its output on the terminal; returns whether it succeeded."""
    target = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, cwd=ROOT, stdout=target, stderr=target, check=False).returncode == 0  # noqa: S603  # fixed commands


def say(text: str) -> None:
    """Write one progress line for the user."""
    sys.stdout.write(f"setup: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Environment(ROOT)))
