"""The command line as a whole: its commands, their descriptions, and the imports for `--help`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from services.cli.main import app

PROJECT = Path(__file__).resolve().parents[3]
HELP = """
import json, sys
from services.cli.main import app
try:
    app(sys.argv[1:])
finally:
    print("\\n" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
HEAVY = {
    "aiohttp",
    "aiokafka",
    "alembic",
    "confluent_kafka",
    "fastapi",
    "faststream",
    "orjson",
    "prometheus_client",
    "psutil",
    "pydantic",
    "sqlalchemy",
    "starlette",
    "yaml",
}


def commands(group: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """All commands by their full names, including those of groups."""
    if not hasattr(group, "commands"):
        return {" ".join(path): group}
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        found |= commands(command, (*path, name))
    return found


COMMANDS = commands(typer.main.get_command(app))


def test_every_former_side_door_is_a_command() -> None:
    """Every program that was started with ``python -m`` is a command of `laksa`."""
    assert set(COMMANDS) >= {
        *("schemas", "asyncapi", "routing lint", "migrate", "rebuild", "kafka", "call-centre"),
        *("maintain jars-lock", "maintain vendor", "status", "categories", "opds", "report", "tail"),
    }


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_is_described(name: str) -> None:
    """Every command and each of its parameters has a description in `--help`."""
    command = COMMANDS[name]
    assert command.help
    assert command.help.strip()[0].isupper()
    assert all(getattr(parameter, "help", None) for parameter in command.params)


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["maintain", "--help"], ["opds"]])
def test_help_and_codes_load_nothing_heavy(words: list[str]) -> None:
    """Kafka, HTTP, SQL and YAML are imported by the commands that use them; typer needs pydantic below a command."""
    done = subprocess.run(
        [sys.executable, "-c", HELP, *words], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert loaded & HEAVY <= (set() if words == ["--help"] else {"pydantic"})


def test_no_document_names_a_side_door() -> None:
    """Documents and error messages use the `laksa` commands, not ``python -m``."""
    doors = ("services.router.lint", "shared.events.schemas", "shared.messaging.asyncapi", ".migrate", "apidocs.vendor")
    texts = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("s*/**/*.py"), PROJECT / "Makefile"]
    found = [
        f"{path.relative_to(PROJECT)}: {line.strip()}"
        for path in texts
        if path.name != "CHANGELOG.md"
        for line in path.read_text(encoding="utf-8").splitlines()
        if "python -m" in line and any(door in line for door in doors)
    ]
    assert found == []
