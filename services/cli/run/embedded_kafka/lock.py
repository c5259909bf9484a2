"""Makes ``kafka-jars.lock`` anew, for maintainers: ``laksa maintain jars-lock``.

It asks the machine's Maven (``mvn``, with whatever mirror it is set up for) for Kafka's runtime dependencies in a
temporary folder, and writes down coordinate, SHA-256 and size of each. Only maintainers need Maven; nobody else does.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from services.cli.run.embedded_kafka.errors import BrokerError
from services.cli.run.embedded_kafka.jars import LOCK_FILE, LockedJar, format_lock

SCALA = "2.13"
RESOLVE_TIMEOUT_S = 900

POM = """\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>lock</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_{scala}</artifactId><version>{kafka}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{log4j}</version>
    </dependency>
  </dependencies>
</project>
"""


def resolve_jars(kafka: str, log4j: str) -> list[LockedJar]:
    """All jars that this Kafka needs at run time, with the bridge that lets it log.

    Raises:
        BrokerError: Maven is missing or does not find them.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pom.xml").write_text(POM.format(scala=SCALA, kafka=kafka, log4j=log4j), encoding="utf-8")
        _run_maven(folder, "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'jars'}")
        _run_maven(folder, "dependency:list", f"-DoutputFile={folder / 'list.txt'}")
        listed = (folder / "list.txt").read_text(encoding="utf-8").splitlines()
        return [_measure(folder / "jars", line.strip()) for line in listed if ":" in line.strip(" :")]


def _run_maven(folder: Path, goal: str, option: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError("Making the lock needs Maven: install mvn and run this again")
    # Strict checksums: a jar that was damaged on its way must not become the locked one.
    command = [maven, "--quiet", "--batch-mode", "--strict-checksums", goal, "-DincludeScope=runtime", option]
    done = subprocess.run(  # noqa: S603  # a fixed command line
        command, cwd=folder, capture_output=True, text=True, timeout=RESOLVE_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise BrokerError(f"Maven failed at {goal}; does this version exist?\n{done.stdout}{done.stderr}")


def _measure(jars: Path, listed: str) -> LockedJar:
    """From ``group:artifact:jar:version:scope``, as Maven lists it, and the file."""
    parts = listed.partition(" ")[0].split(":")
    if len(parts) != len(("group", "artifact", "jar", "version", "scope")) or parts[2] != "jar":
        raise BrokerError(f"{listed}: the lock knows plain jars only; teach it this kind first")
    group, artifact, _, version, _ = parts
    content = (jars / f"{artifact}-{version}.jar").read_bytes()
    return LockedJar(group, artifact, version, hashlib.sha256(content).hexdigest(), len(content))


def write_lock(kafka: str, log4j: str, output: Path = LOCK_FILE) -> str:
    """Lock the jars of an Apache Kafka version by coordinate and SHA-256; returns what was written, in words.

    Raises:
        BrokerError: Maven is missing or does not find them.
    """
    jars = resolve_jars(kafka, log4j)
    output.write_text(format_lock(jars), encoding="utf-8")
    return f"{output}: {len(jars)} jars, {sum(jar.size for jar in jars) / 1e6:.0f} MB"
