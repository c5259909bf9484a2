"""Make ``.venv`` from the lock files. Run by the machine's own Python: standard library only, imports nothing of ours.

Every download is checked against a hash in the lock. Done again only when a lock, the project's description or the
interpreter changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / "laksa-stamp"
LOCK = ROOT / "requirements.lock"
BOOTSTRAP_LOCK = ROOT / "requirements-bootstrap.lock"
LEAST = (3, 11)


class StepFailed(Exception):  # noqa: N818  # named after what happened
    """A step did not work; the message says what to look at."""


def main() -> int:
    """Bring ``.venv`` up to date and say each step. Returns the exit code."""
    if sys.version_info < LEAST:
        say(f"Python {LEAST[0]}.{LEAST[1]} or newer is needed; this is {sys.version.split()[0]}")
        return 1
    if is_up_to_date():
        return 0
    started = time.monotonic()
    try:
        make_environment()
        install_uv()
        install_packages()
        install_project()
    except StepFailed as error:
        say(f"FAILED: {error}")
        return 1
    STAMP.write_text(fingerprint(), encoding="utf-8")
    say(f"ready after {time.monotonic() - started:.0f} s")
    return 0


def is_up_to_date() -> bool:
    """Whether ``.venv`` was made from exactly these locks and still has a working interpreter."""
    if not STAMP.is_file() or STAMP.read_text(encoding="utf-8") != fingerprint():
        return False
    return interpreter().is_file() and (interpreter().parent / "laksa").is_file()


def fingerprint() -> str:
    """A hash of all that decides what ``.venv`` holds."""
    digest = hashlib.sha256(str(ROOT).encode())  # the project is installed by its path
    for file in (LOCK, BOOTSTRAP_LOCK, ROOT / "pyproject.toml"):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def make_environment() -> None:
    """Make ``.venv`` with pip in it, anew where its interpreter does not run or is too old."""
    if works(interpreter()):
        say("1/4 .venv is there")
        return
    say(f"1/4 making .venv with Python {sys.version.split()[0]}")
    if VENV.exists():
        shutil.rmtree(VENV)
    try:
        venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(VENV)
    except (subprocess.CalledProcessError, OSError, SystemExit) as error:
        shutil.rmtree(VENV, ignore_errors=True)
        raise StepFailed(f"no .venv could be made ({error}). On Debian and Ubuntu: apt install python3-venv") from error


def install_uv() -> None:
    """Install the pinned uv: several times faster than pip. Without it pip does the work."""
    say("2/4 installing uv")
    if not run(pip("install", "--quiet", "--require-hashes", "-r", str(BOOTSTRAP_LOCK))):
        say("    uv cannot be had here, going on with pip")


def install_packages() -> None:
    """Install exactly what the lock names, each package checked by its hash.

    Raises:
        StepFailed: neither uv nor pip could.
    """
    count = sum(not line.startswith((" ", "#")) for line in LOCK.read_text(encoding="utf-8").splitlines())
    say(f"3/4 installing {count} packages, each checked by its hash (downloads what is not cached)")
    if uv().is_file() and run(uv_pip("sync", "--require-hashes", str(LOCK))):
        return
    if not run(pip("install", "--progress-bar", "on", "--require-hashes", "-r", str(LOCK))):
        raise StepFailed(
            "the packages could not be installed; the lines above say which. Is a package index reachable?"
        )


def install_project() -> None:
    """Install this project itself, as a link to its source, so that ``.venv/bin/laksa`` is there.

    The build backend comes from the lock too: nothing is downloaded here.

    Raises:
        StepFailed: the link could not be made.
    """
    say("4/4 linking the project into .venv")
    arguments = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--editable", str(ROOT))
    if not (uv().is_file() and run(uv_pip(*arguments))) and not run(pip(*arguments)):
        raise StepFailed("the project could not be linked into .venv; the lines above say why")


def interpreter() -> Path:
    """The Python of ``.venv``."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def uv() -> Path:
    """The uv of ``.venv``."""
    return interpreter().with_name("uv.exe" if os.name == "nt" else "uv")


def works(python: Path) -> bool:
    """Whether an interpreter runs and is new enough, with pip in it."""
    check = f"import pip, sys; sys.exit(sys.version_info < {LEAST})"
    return python.is_file() and run([str(python), "-c", check], quiet=True)


def pip(*arguments: str) -> list[str]:
    """A call of the pip in ``.venv``."""
    return [str(interpreter()), "-m", "pip", "--disable-pip-version-check", *arguments]


def uv_pip(*arguments: str) -> list[str]:
    """A call of the uv in ``.venv``, on ``.venv``, reading no configuration of other projects."""
    return [str(uv()), "pip", arguments[0], "--python", str(interpreter()), *arguments[1:]]


def run(command: list[str], *, quiet: bool = False) -> bool:
    """Whether a command succeeded; its output, progress bars included, goes to the terminal."""
    target = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, cwd=ROOT, stdout=target, stderr=target, check=False).returncode == 0  # noqa: S603  # our own commands


def say(text: str) -> None:
    """One line for the person who waits."""
    sys.stdout.write(f"setup: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
