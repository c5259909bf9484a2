"""A separate environment for Quix Streams and Bytewax, which pin older packages than the services use."""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = Path(__file__).with_name("requirements.lock")
VENV = ROOT / ".venv-bench"
STAMP = VENV / "laksa-stamp"
INTERPRETER = VENV / "bin" / "python"
INSTALL_SECONDS = 300.0


class NotInstalled(Exception):  # noqa: N818  # names the condition
    """The environment could not be created; the message is printed on the page."""


def contenders_python() -> Path:
    """Return the interpreter of ``.venv-bench``, which is created if it is missing or does not match its lock.

    Raises:
        NotInstalled: a package cannot be installed on this machine.
    """
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if not (STAMP.is_file() and STAMP.read_text(encoding="utf-8") == wanted and INTERPRETER.is_file()):
        _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(VENV))
        _uv("pip", "sync", "--quiet", "--python", str(INTERPRETER), "--require-hashes", str(LOCK))
        STAMP.write_text(wanted, encoding="utf-8")
    return INTERPRETER


def locked_version(package: str) -> str:
    """Return the version of a package in the lock."""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition("==")
        if name == package:
            return rest.split()[0]
    raise KeyError(package)


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    try:
        done = subprocess.run(  # noqa: S603  # fixed commands
            [str(uv), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"uv did not run ({type(error).__name__})") from error
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise NotInstalled("its packages cannot be installed on this machine")
