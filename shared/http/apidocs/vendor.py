"""Fetch the web assets that are kept in this tree, by npm package name, version and SHA-256: ``laksa maintain vendor``.

`fetch` takes what ``vendor.lock`` says and refuses anything with another checksum; `check_files` only compares the
files in the tree, without a network.
"""

import json
import subprocess
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from shared.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
LOCK = Path(__file__).parent / "vendor.lock"
NPM_SECONDS = 120

Package = dict[str, Any]


def check_files(root: Path = ROOT, lock: Path = LOCK) -> list[str]:
    """The files of the tree that are missing or are not what the lock says."""
    return [
        entry["to"]
        for package in _read(lock)
        for entry in package["files"]
        if not (root / entry["to"]).is_file() or _digest((root / entry["to"]).read_bytes()) != entry["sha256"]
    ]


def fetch(root: Path = ROOT, lock: Path = LOCK, *, update: bool = False) -> list[str]:
    """Write every file of the lock into the tree and return their paths.

    Raises:
        ConfigurationError: npm is missing or failed, or a checksum is not the one in the lock.
    """
    packages = _read(lock)
    with tempfile.TemporaryDirectory() as folder:
        fetched = [(package, _pack(package, Path(folder))) for package in packages]
        contents = [pair for package, archive in fetched for pair in _contents(package, archive, update=update)]
    for path, content in contents:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    if update:
        lock.write_text(json.dumps({"packages": packages}, indent=2) + "\n")
    return [path for path, _ in contents]


def _pack(package: Package, folder: Path) -> Path:
    name = f"{package['name']}@{package['version']}"
    command = ["npm", "pack", name, "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_SECONDS, check=True)  # noqa: S603  # the arguments are the lock's
    except FileNotFoundError as error:
        raise ConfigurationError("npm is needed to fetch the web assets; the files in the tree do without") from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"npm could not fetch {name}") from error
    return folder / done.stdout.split()[-1]


def _contents(package: Package, archive: Path, *, update: bool) -> list[tuple[str, bytes]]:
    _compare(package, _digest(archive.read_bytes()), f"{package['name']}@{package['version']}", update=update)
    found = []
    with tarfile.open(archive) as files:
        for entry in package["files"]:
            member = files.extractfile(f"package/{entry['from']}")
            if member is None:
                raise ConfigurationError(f"{package['name']} has no file {entry['from']}")
            content = member.read()
            _compare(entry, _digest(content), entry["from"], update=update)
            found.append((entry["to"], content))
    return found


def _compare(entry: dict[str, Any], digest: str, name: str, *, update: bool) -> None:
    if update:
        entry["sha256"] = digest
    if entry["sha256"] != digest:
        raise ConfigurationError(f"{name} has another checksum than vendor.lock says; nothing was written")


def _read(lock: Path) -> list[Package]:
    packages: list[Package] = json.loads(lock.read_text())["packages"]
    return packages


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
