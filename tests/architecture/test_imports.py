"""The import contracts of pyproject.toml hold, cover every service, and can fail."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS: dict[str, dict[str, Any]] = {contract["name"]: contract for contract in SETTINGS["contracts"]}
LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]


def _lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(LINT, cwd=directory, capture_output=True, text=True, timeout=120, check=False)


def test_the_import_contracts_hold() -> None:
    """No module imports against the contracts of ``pyproject.toml``."""
    linted = _lint(ROOT)

    assert linted.returncode == 0, linted.stdout[-4000:]


def test_every_service_is_kept_apart() -> None:
    """Every service is in the contract of independence."""
    services = {f"services.{path.parent.name}" for path in (ROOT / "services").glob("*/__init__.py")}

    assert set(CONTRACTS["Only Kafka is between the services"]["modules"]) == services


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("shared/settings.py", "import services.alpha.app", "What is shared knows no service"),
        ("services/beta/app.py", "import services.alpha.app", "Only Kafka is between the services"),
        ("shared/events/facts.py", "import shared.messaging.reading", "Shared layers"),
        ("shared/db/engine.py", "import shared.observability.logs", "Shared layers"),
        ("services/alpha/rules.py", "import shared.messaging.reading", "Pure modules"),
        ("services/alpha/rules.py", "import services.alpha.app", "The layers of alpha"),
    ],
)
def test_a_wrong_import_is_refused(tmp_path: Path, module: str, line: str, contract: str) -> None:
    """On a small tree of the same shape, the contracts hold, and fail with one forbidden import."""
    _write_small_tree(tmp_path)
    assert _lint(tmp_path).returncode == 0

    (tmp_path / module).write_text(f"{line}\n")
    linted = _lint(tmp_path)

    assert linted.returncode == 1
    assert any(contract in row and "BROKEN" in row for row in linted.stdout.splitlines()), linted.stdout


def _write_small_tree(root: Path) -> None:
    modules = {
        "shared/settings.py": "",
        "shared/events/facts.py": "",
        "shared/db/engine.py": "import shared.events.facts",
        "shared/observability/logs.py": "",
        "shared/messaging/reading.py": "import aiokafka\nimport shared.observability.logs",
        "services/alpha/rules.py": "import shared.events.facts",
        "services/alpha/app.py": "import services.alpha.rules\nimport shared.messaging.reading",
        "services/beta/app.py": "",
    }
    for name, text in modules.items():
        path = root / name
        for folder in [path.parent, *path.parent.relative_to(root).parents]:
            package = root / folder
            package.mkdir(parents=True, exist_ok=True)
            if package != root:
                (package / "__init__.py").touch()
        path.write_text(f"{text}\n")
    (root / ".importlinter").write_text(SMALL_CONTRACTS)


SMALL_CONTRACTS = """
[importlinter]
root_packages =
    services
    shared
include_external_packages = True

[importlinter:contract:back]
name = What is shared knows no service
type = forbidden
source_modules = shared
forbidden_modules = services

[importlinter:contract:apart]
name = Only Kafka is between the services
type = independence
modules =
    services.alpha
    services.beta

[importlinter:contract:shared]
name = Shared layers
type = layers
containers = shared
exhaustive = True
layers =
    messaging
    db | observability
    events : settings

[importlinter:contract:pure]
name = Pure modules
type = forbidden
source_modules = services.alpha.rules
forbidden_modules = aiokafka

[importlinter:contract:alpha]
name = The layers of alpha
type = layers
containers = services.alpha
layers =
    app
    rules
"""
