"""The files and folders of one run, all below its data folder."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import ConfigurationError

PRIVATE = 0o600  # these files contain keys


@dataclass(frozen=True, slots=True)
class Layout:
    """The files and folders of ``var/``."""

    root: Path

    @property
    def logs(self) -> Path:
        """The folder of the processes' logs."""
        return self.root / "log"

    @property
    def kafka(self) -> Path:
        """The folder of Kafka's data."""
        return self.root / "kafka"

    @property
    def spool(self) -> Path:
        """The folder of intake's spool."""
        return self.root / "spool"

    @property
    def databases(self) -> Path:
        """The folder of the SQLite files of notifier and stats."""
        return self.root / "db"

    @property
    def postgres(self) -> Path:
        """The folder of PostgreSQL's data and password, if it is used."""
        return self.root / "postgres"

    @property
    def database_kind(self) -> Path:
        """The file with the kind of database of this data folder."""
        return self.root / "database.json"

    @property
    def run_file(self) -> Path:
        """Addresses, pids and keys of the running pipeline."""
        return self.root / "run.json"

    @property
    def secrets(self) -> Path:
        """Keys and secrets, made once."""
        return self.root / "secrets.json"

    @property
    def channels(self) -> Path:
        """The channels file that intake reads."""
        return self.root / "channels.yaml"

    @property
    def endpoints(self) -> Path:
        """The endpoints file that the notifiers read."""
        return self.root / "endpoints.yaml"

    @property
    def written(self) -> Path:
        """SHA-256 of the channels and endpoints files as written; a file with another hash was edited."""
        return self.root / "written.json"

    @property
    def ports(self) -> Path:
        """The ports of the last run."""
        return self.root / "ports.json"

    @property
    def seed(self) -> Path:
        """The requests of the reference data that intake has accepted."""
        return self.root / "seed.json"

    @property
    def lock(self) -> Path:
        """Locked while a supervisor runs; contains its process id."""
        return self.root / "lock"

    def make(self) -> None:
        """Create the folders, accessible to their owner only, because they contain personal data.

        Raises:
            ConfigurationError: the folder cannot be written.
        """
        try:
            for folder in (self.root, self.logs, self.spool, self.databases):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigurationError(f"{self.root} cannot be written ({error.strerror}): set LAKSA_VAR_DIR") from error


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Read the object in a JSON file; an empty object if there is no file.

    Raises:
        ConfigurationError: the file is damaged.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(read, dict):
        raise _damaged(path)
    return read


def _damaged(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path} is damaged. `make clean` deletes all data; the next run then starts anew")


@contextmanager
def only_supervisor(layout: Layout) -> Iterator[None]:
    """Lock the data folder: one supervisor at a time. The kernel unlocks it whenever the holder ends.

    Raises:
        ConfigurationError: another supervisor has locked it; the message has its process id.
    """
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode() or "unknown"
            raise ConfigurationError(
                f"LAKSA already runs on {layout.root} (process {holder}). Stop that one with Ctrl-C, "
                "or set LAKSA_VAR_DIR to another folder"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
