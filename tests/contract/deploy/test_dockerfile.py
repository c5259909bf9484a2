"""The image has everything that its commands import, and nothing else."""

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support.deploy.dockerfile import (
    FILE,
    PROJECT,
    copied,
    entrypoint,
    environment,
    last_stage,
    make_work_folder,
    read_dockerfile,
)
from tests.support.deploy.locks import normal, path, pins

COMMANDS = (
    "services.intake.__main__",
    "services.router.__main__",
    "services.notifier.__main__",
    "services.stats.__main__",
    "services.notifier.migrate",
    "services.stats.migrate",
    "services.cli.main",
    "services.cli.deploy.topics_command",
    "services.cli.reference.remote_seeding",
    "services.cli.demo.call_centre",
)
LOADED = """
import importlib, json, sys
before = set(sys.modules)
importlib.import_module(sys.argv[1])
ours = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("services", "shared")]
files = [getattr(module, "__file__", None) or "" for module in ours]
print(json.dumps({"modules": sorted({name.partition(".")[0] for name in set(sys.modules) - before}), "files": files}))
"""


def test_hadolint_has_nothing_to_say() -> None:
    """Hadolint has no warning, and none is disabled."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, FILE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hadolint ignore" not in FILE.read_text(encoding="utf-8")


def test_it_does_not_run_as_root() -> None:
    """The user is numeric, so that an orchestrator can check that it is not root."""
    (user,) = last_stage("USER")
    assert user == "${UID}:${GID}"
    assert set(last_stage("ARG")) == {"UID=10001", "GID=10001"}


def test_packages_come_from_the_lock_alone() -> None:
    """Packages are installed from the lock by hash and as wheels, so the image has no compiler."""
    stages = read_dockerfile()
    installs = [step.arguments for stage in stages for step in stage if "pip install" in step.arguments]
    (install,) = installs
    assert "--require-hashes --only-binary :all: -r /tmp/requirements-image.lock" in install
    assert all("apt-get" not in step.arguments for stage in stages for step in stage)
    assert len(stages) == 2


def test_both_stages_have_the_same_pinned_python() -> None:
    """Both stages have the same pinned Python, so that compiled packages fit; the project supports it."""
    assert {stage[0].arguments.split()[0] for stage in read_dockerfile()} == {"python:${PYTHON}"}
    (version,) = re.findall(r"^ARG PYTHON=(\d+)\.(\d+)\.\d+-slim-\w+$", FILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert tuple(map(int, version)) >= (3, 11)


def test_only_what_is_copied_reaches_the_builder() -> None:
    """`.dockerignore` excludes everything, secrets included, except the files that COPY uses."""
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {line[1:] for line in rules if line.startswith("!")} == {
        path("image").name,
        *(source for source, _ in copied()),
    }


def test_commands_are_modules() -> None:
    """`docker run … services.router --lane emergency` starts a router."""
    assert entrypoint() == ["python", "-m"]
    assert json.loads(last_stage("CMD")[0])[0] == "services.cli.main"
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"  # its root file system is read-only


@pytest.mark.parametrize("module", COMMANDS)
def test_the_image_has_all_that_a_command_loads(module: str, tmp_path: Path) -> None:
    """The commands import only copied modules of this project and packages of the image's lock."""
    folder = make_work_folder(tmp_path / "app")
    command = [sys.executable, "-c", LOADED, module]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    loaded = json.loads(done.stdout)
    assert all(file.startswith(str(folder)) for file in loaded["files"] if file)
    owners = packages_distributions()
    packages = {normal(owner) for name in loaded["modules"] for owner in owners.get(name, ())}
    assert packages <= pins("image").keys()
    assert packages
