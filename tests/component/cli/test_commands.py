"""The output and exit codes of the commands that replaced ``python -m`` programs."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
LAKSA = Path(sys.executable).with_name("laksa")
TABLE = PROJECT / "services" / "router" / "routing-table.yaml"


def laksa(folder: Path, *words: str, **variables: str) -> tuple[int, str]:
    """Run a command in a folder; returns its exit code and its output."""
    environment = {"PATH": "/usr/bin:/bin", **variables}
    done = subprocess.run(
        [LAKSA, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with its own ``services`` package, which must not shadow the project's."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    return tmp_path


def test_routing_lint_checks_the_file_that_it_is_given(folder: Path) -> None:
    """A relative path refers to the caller's folder; the exit code is 0, or 1 with a line for each fault."""
    (folder / "table.yaml").write_text(TABLE.read_text(encoding="utf-8"))
    assert laksa(folder, "routing", "lint", "table.yaml") == (0, "table.yaml: good\n")
    (folder / "table.yaml").write_text("versions: []\nversions: []\n")
    code, output = laksa(folder, "routing", "lint", "table.yaml")
    assert (code, output.splitlines()) == (
        1,
        [
            "table.yaml: line 2: duplicate key `versions`, first given in line 1",
            "table.yaml: `versions` must be a list of at least one version",
        ],
    )


def test_routing_lint_hands_its_options_on(folder: Path) -> None:
    """The options reach the lint: the table equals itself at an early time, and a time without offset is refused."""
    early = laksa(folder, "routing", "lint", str(TABLE), "--released", str(TABLE), "--now", "2015-01-01T00:00:00+07:00")
    assert early == (0, "routing-table.yaml: good\n")
    code, output = laksa(folder, "routing", "lint", str(TABLE), "--now", "2015-01-01T00:00:00")
    assert (code, "give the offset too" in output) == (2, True), output


def test_asyncapi_prints_the_committed_document(folder: Path) -> None:
    """It prints the document of all four services, or of the named service only."""
    code, output = laksa(folder, "asyncapi")
    assert (code, output) == (0, (PROJECT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
    code, output = laksa(folder, "asyncapi", "router")
    assert (code, "notifier.receive" in output) == (0, False)


def test_schemas_check_names_what_is_not_current(folder: Path) -> None:
    """The check exits with 1 and names each stale file, and with 0 after they are written."""
    where = str(folder / "made")
    code, output = laksa(folder, "schemas", "--check", "--directory", where)
    assert (code, "report.routed.v1.json is not current: run `laksa schemas`\n" in output) == (1, True), output
    assert laksa(folder, "schemas", "--directory", where) == (0, "")
    assert laksa(folder, "schemas", "--check", "--directory", where) == (0, "")


@pytest.mark.parametrize("service", ["notifier", "stats"])
def test_migrate_makes_the_tables(folder: Path, service: str) -> None:
    """It creates the tables in a new SQLite file, a repeat changes nothing, and a missing setting is named."""
    url = f"sqlite+aiosqlite:///{folder / 'made.db'}"
    assert laksa(folder, "migrate", service, LAKSA_DATABASE_URL=url) == (0, "")
    assert laksa(folder, "migrate", service, LAKSA_DATABASE_URL=url) == (0, "")
    assert (folder / "made.db").stat().st_size > 0
    code, output = laksa(folder, "migrate", service)
    assert (code, "Set LAKSA_DATABASE_URL" in output) == (1, True), output


def test_rebuild_counts_anew(folder: Path) -> None:
    """It uses the settings of stats and reports 0 for an empty database."""
    url = f"sqlite+aiosqlite:///{folder / 'made.db'}"
    laksa(folder, "migrate", "stats", LAKSA_DATABASE_URL=url)
    variables = {"LAKSA_DATABASE_URL": url, "LAKSA_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    assert laksa(folder, "rebuild", **variables) == (0, "0 reports recounted\n")


def test_vendor_check_compares_without_a_network(folder: Path) -> None:
    """The files of the tree equal the lock, which is checked without a network."""
    assert laksa(folder, "maintain", "vendor", "--check") == (0, "")


def test_jars_lock_without_maven_says_what_to_install(folder: Path) -> None:
    """Without Maven it says what to install and writes nothing."""
    made = folder / "jars.lock"
    code, output = laksa(folder, "maintain", "jars-lock", "--kafka", "4.4.0", "--output", str(made), PATH=str(folder))
    assert (code, "install mvn" in output, made.exists()) == (1, True, False), output


def test_the_call_centre_names_the_setting_that_is_missing(folder: Path) -> None:
    """A missing setting gives one sentence without a traceback."""
    code, output = laksa(folder, "call-centre")
    assert (code, output) == (1, "Set LAKSA_ENDPOINTS_FILE; .env.example describes each\n")
