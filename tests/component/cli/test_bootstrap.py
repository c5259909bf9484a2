"""The bootstrap of ``.venv``: which packages it installs, when it does nothing, and its messages."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from services.cli.bootstrap import (
    BOOTSTRAP_LOCK,
    SETS,
    Environment,
    SetupError,
    choose_set,
    install_download_client,
    install_packages,
    link_project,
    locked_names,
    main,
)

PYPROJECT = '[project.scripts]\nlaksa = "greeting.hello:app"\n'
PROGRAM = "import sys\n\n\ndef app() -> str:\n    return f'{sys.argv[0]} says {sys.argv[1:]}'\n"
HASH = f"--hash=sha256:{'0' * 64}"


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A small checkout: locks, a description, a package, and a ``.venv`` without packages."""
    root = tmp_path / "a check out"
    (root / "greeting").mkdir(parents=True)
    (root / "greeting" / "hello.py").write_text(PROGRAM, encoding="utf-8")
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    for name in {BOOTSTRAP_LOCK, "requirements-download.lock", *(name for names in SETS.values() for name in names)}:
        (root / name).write_text(f"{Path(name).stem}-package==1.0 \\\n    {HASH}\n", encoding="utf-8")
    venv.EnvBuilder(with_pip=False, symlinks=True).create(root / ".venv")
    return Environment(root)


@pytest.mark.parametrize(
    ("asked", "installed", "chosen"),
    [
        ("run", None, "run"),
        ("run", "run", "run"),
        ("run", "dev", "dev"),
        ("run", "postgres", "postgres"),
        ("postgres", "run", "postgres"),
        ("dev", "run", "dev"),
        ("dev", "dev", "dev"),
    ],
)
def test_what_is_installed_is_never_taken_away(asked: str, installed: str | None, chosen: str) -> None:
    """An installed larger set is kept, so `make run` after `make test` keeps the test tools."""
    assert choose_set(asked, installed) == chosen


@pytest.mark.parametrize("asked", ["run", "postgres", "dev"])
def test_a_developers_environment_serves_every_command(
    environment: Environment, asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the dev set and unchanged locks and interpreter, every command installs and prints nothing."""
    link_project(environment)
    environment.write_stamp("dev")
    capsys.readouterr()

    assert main([asked], environment) == 0
    assert capsys.readouterr().out == ""


def test_a_runs_environment_does_not_serve_the_tests(environment: Environment) -> None:
    """`make test` after `make run` installs the missing packages."""
    link_project(environment)
    environment.write_stamp("run")

    assert environment.is_current("run")
    assert not environment.is_current("dev")


@pytest.mark.parametrize("changed", [*SETS["run"], BOOTSTRAP_LOCK, "pyproject.toml"])
def test_a_changed_lock_makes_it_install_again(environment: Environment, changed: str) -> None:
    """A changed lock makes the next command install its packages."""
    link_project(environment)
    environment.write_stamp("run")
    with (environment.root / changed).open("a", encoding="utf-8") as file:
        file.write("# changed\n")

    assert not environment.is_current("run")
    assert environment.installed_set() == "run"


def test_a_lock_of_another_set_does_not(environment: Environment) -> None:
    """A changed lock of the dev set does not make `make run` install anything."""
    link_project(environment)
    environment.write_stamp("run")
    (environment.root / "requirements.lock").write_text("", encoding="utf-8")

    assert environment.is_current("run")


@pytest.mark.parametrize("stamp", [None, "", "0" * 64, "everything abc"])
def test_a_stamp_that_says_nothing_is_none(environment: Environment, stamp: str | None) -> None:
    """A stamp without a set, as older checkouts wrote it, makes the requested set be installed."""
    if stamp is not None:
        environment.stamp.write_text(stamp, encoding="utf-8")

    assert environment.installed_set() is None
    assert not environment.is_current("run")


def test_without_its_command_it_is_not_ready(environment: Environment) -> None:
    """An environment without its `laksa` command is not current, even with a valid stamp."""
    link_project(environment)
    environment.write_stamp("run")
    environment.python.with_name("laksa").unlink()

    assert not environment.is_current("run")


def test_the_command_runs_the_source(environment: Environment, tmp_path: Path) -> None:
    """The command runs the source from any folder, with spaces in its path, and receives its name and arguments."""
    link_project(environment)
    command = environment.python.with_name("laksa")

    done = subprocess.run([command, "run", "--once"], cwd=tmp_path, capture_output=True, text=True, check=False)

    # sys.exit() prints a text and ends with 1
    assert (done.returncode, done.stderr) == (1, f"{command} says ['run', '--once']\n")


def test_only_what_this_system_needs_is_counted(tmp_path: Path) -> None:
    """Comments, hashes and packages for Windows are not counted; a package in two locks counts once."""
    lock, other = tmp_path / "one.lock", tmp_path / "other.lock"
    lock.write_text(
        f"# made by uv\na==1 \\\n    {HASH}\ncolorama==2 ; sys_platform == 'win32' \\\n    {HASH}\n"
        f"b-c==3 ; sys_platform != 'win32' \\\n    {HASH}\n    # via a\n",
        encoding="utf-8",
    )
    other.write_text(f"a==1 \\\n    {HASH}\nd==4 \\\n    {HASH}\n", encoding="utf-8")

    assert locked_names([lock, other]) == {"a", "b-c", "d"}


def test_a_package_that_cannot_be_had_is_said_with_what_to_do(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """If the real pip has no index, the message says what to do, below pip's own output."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    subprocess.run([environment.python, "-m", "ensurepip"], capture_output=True, check=True)

    with pytest.raises(SetupError, match="Check that a package index can be reached"):
        install_packages(environment, "run")

    output = capfd.readouterr()
    assert "setup: 3/4 installing 1 packages to run the pipeline" in output.out
    assert "requirements-run-package" in output.err


def test_a_download_client_needs_an_environment(environment: Environment, tmp_path: Path) -> None:
    """Without `.venv` the download client raises a SetupError instead of a missing-file error."""
    environment.python.unlink()

    with pytest.raises(SetupError, match="packages that download Apache Kafka could not be installed"):
        install_download_client(environment, tmp_path / "aside")


def test_it_needs_the_standard_library_only() -> None:
    """The bootstrap imports only the standard library, so that the machine's Python can run it."""
    file = Path(sys.modules[main.__module__].__file__ or "")
    code = f"import runpy; runpy.run_path({str(file)!r})"

    subprocess.run([sys.executable, "-I", "-S", "-c", code], env={"PATH": os.environ["PATH"]}, cwd="/", check=True)
