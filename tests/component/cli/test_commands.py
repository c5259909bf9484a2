"""The commands that were side doors, as an operator starts them: their output and their exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
LAKSA = Path(sys.executable).with_name("laksa")
TABLE = PROJECT / "services" / "router" / "routing-table.yaml"


def laksa(folder: Path, *words: str, **variables: str) -> tuple[int, str]:
    """Run a command in a folder; its exit code, and what it said."""
    environment = {"PATH": "/usr/bin:/bin", **variables}
    done = subprocess.run(
        [LAKSA, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that has a ``services`` package of its own, which must not be taken for ours."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    return tmp_path


def test_routing_lint_checks_the_file_that_it_is_given(folder: Path) -> None:
    """A relative path is that of the caller's folder; exit code 0 for a good table, 1 with a line for each fault."""
    (folder / "table.yaml").write_text(TABLE.read_text(encoding="utf-8"))
    assert laksa(folder, "routing", "lint", "table.yaml") == (0, "table.yaml: good\n")
    (folder / "table.yaml").write_text("versions: []\nversions: []\n")
    code, said = laksa(folder, "routing", "lint", "table.yaml")
    assert (code, said.splitlines()) == (
        1,
        [
            "table.yaml: line 2: duplicate key `versions`, first given in line 1",
            "table.yaml: `versions` must be a list of at least one version",
        ],
    )


def test_routing_lint_hands_its_options_on(folder: Path) -> None:
    """At a time before the first version, releasing the table against itself is good; a time without offset is not."""
    early = laksa(folder, "routing", "lint", str(TABLE), "--released", str(TABLE), "--now", "2015-01-01T00:00:00+07:00")
    assert early == (0, "routing-table.yaml: good\n")
    code, said = laksa(folder, "routing", "lint", str(TABLE), "--now", "2015-01-01T00:00:00")
    assert (code, "give the offset too" in said) == (2, True), said


def test_asyncapi_prints_the_committed_document(folder: Path) -> None:
    """All four services; with a name, that one."""
    code, said = laksa(folder, "asyncapi")
    assert (code, said) == (0, (PROJECT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
    code, said = laksa(folder, "asyncapi", "router")
    assert (code, "notifier.receive" in said) == (0, False)


def test_schemas_check_names_what_is_not_current(folder: Path) -> None:
    """It ends with 1 and names each file; after writing them it ends with 0."""
    where = str(folder / "made")
    code, said = laksa(folder, "schemas", "--check", "--directory", where)
    assert (code, "report.routed.v1.json is not current: run `laksa schemas`\n" in said) == (1, True), said
    assert laksa(folder, "schemas", "--directory", where) == (0, "")
    assert laksa(folder, "schemas", "--check", "--directory", where) == (0, "")


@pytest.mark.parametrize("service", ["notifier", "stats"])
def test_migrate_makes_the_tables(folder: Path, service: str) -> None:
    """A new SQLite file gets them, a repeat changes nothing, and without a database it says which variable to set."""
    url = f"sqlite+aiosqlite:///{folder / 'made.db'}"
    assert laksa(folder, "migrate", service, LAKSA_DATABASE_URL=url) == (0, "")
    assert laksa(folder, "migrate", service, LAKSA_DATABASE_URL=url) == (0, "")
    assert (folder / "made.db").stat().st_size > 0
    code, said = laksa(folder, "migrate", service)
    assert (code, "Set LAKSA_DATABASE_URL" in said) == (1, True), said


def test_rebuild_counts_anew(folder: Path) -> None:
    """With the settings of stats; an empty database has no reports."""
    url = f"sqlite+aiosqlite:///{folder / 'made.db'}"
    laksa(folder, "migrate", "stats", LAKSA_DATABASE_URL=url)
    variables = {"LAKSA_DATABASE_URL": url, "LAKSA_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    assert laksa(folder, "rebuild", **variables) == (0, "0 reports recounted\n")


def test_vendor_check_compares_without_a_network(folder: Path) -> None:
    """The files of the tree are those of the lock."""
    assert laksa(folder, "maintain", "vendor", "--check") == (0, "")


def test_jars_lock_without_maven_says_what_to_install(folder: Path) -> None:
    """And writes nothing."""
    made = folder / "jars.lock"
    code, said = laksa(folder, "maintain", "jars-lock", "--kafka", "4.4.0", "--output", str(made), PATH=str(folder))
    assert (code, "install mvn" in said, made.exists()) == (1, True, False), said


def test_the_call_centre_names_the_setting_that_is_missing(folder: Path) -> None:
    """One sentence and no traceback."""
    code, said = laksa(folder, "call-centre")
    assert (code, said) == (1, "Set LAKSA_ENDPOINTS_FILE; .env.example describes each\n")
