"""The locked jars of Kafka: which they are, and what each of them must hash to."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from services.cli.run.embedded_kafka.errors import BrokerError

LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")

_LINE = re.compile(
    r"(?P<group>[\w.-]+):(?P<artifact>[\w.-]+):(?P<version>[\w.-]+) sha256:(?P<sha256>[0-9a-f]{64}) (?P<size>\d+)"
)


@dataclass(frozen=True, slots=True, order=True)
class LockedJar:
    """One jar: its Maven coordinate, its SHA-256 in hex and its size in bytes."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def coordinate(self) -> str:
        """``group:artifact:version``, as Maven writes it."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def path_in(self, folder: Path) -> Path:
        """Where the jar lies below a folder; the group keeps equal names of two projects apart."""
        return folder / self.group / f"{self.artifact}-{self.version}.jar"

    def is_at(self, path: Path) -> bool:
        """Whether the file can be read and is this very jar."""
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def parse_lock(text: str) -> tuple[LockedJar, ...]:
    """Read the text of a lock: ``group:artifact:version sha256:<hex> <bytes>`` a line, ``#`` starts a comment.

    Raises:
        BrokerError: a line is something else, a coordinate stands there twice, or there is no jar at all.
    """
    jars = [_parse_line(number, line) for number, line in enumerate(text.splitlines(), 1) if _has_content(line)]
    if not jars:
        raise BrokerError("The lock of Kafka's jars names no jar. Make it anew: make jars-lock")
    if len({(jar.group, jar.artifact) for jar in jars}) != len(jars):
        raise BrokerError("The lock of Kafka's jars names one twice. Make it anew: make jars-lock")
    return tuple(jars)


def format_lock(jars: Iterable[LockedJar]) -> str:
    """The text that ``parse_lock`` reads, in a fixed order so that a diff shows what changed."""
    lines = (f"{jar.coordinate} sha256:{jar.sha256} {jar.size}\n" for jar in sorted(jars))
    return "# Made by `laksa maintain jars-lock`; do not edit by hand.\n" + "".join(lines)


def read_lock(path: Path = LOCK_FILE) -> tuple[LockedJar, ...]:
    """The jars that this version of the project runs.

    Raises:
        BrokerError: the lock is damaged.
    """
    return parse_lock(path.read_text(encoding="utf-8"))


def _has_content(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _parse_line(number: int, line: str) -> LockedJar:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise BrokerError(
            f"Line {number} of the lock of Kafka's jars is not 'group:artifact:version sha256:<hex> <bytes>'. "
            "Take the file from version control again, or make it anew: make jars-lock"
        )
    return LockedJar(match["group"], match["artifact"], match["version"], match["sha256"], int(match["size"]))
