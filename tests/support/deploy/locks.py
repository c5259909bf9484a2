"""The lock files of the project, read as they stand."""

import re
from pathlib import Path

from tests.support.deploy.compose import PROJECT

_PIN = re.compile(r"^([a-z0-9-]+)==(\S+)( ;[^\\]*)?", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Version by package, of ``requirements-<name>.lock``; what only Windows needs is left out."""
    return {package: version for package, version, marker in _PIN.findall(text(name)) if "== 'win32'" not in marker}


def text(name: str) -> str:
    """The text of a lock; the full one is named ``full``."""
    return path(name).read_text(encoding="utf-8")


def path(name: str) -> Path:
    """Where a lock is."""
    return PROJECT / ("requirements.lock" if name == "full" else f"requirements-{name}.lock")


def normal(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
