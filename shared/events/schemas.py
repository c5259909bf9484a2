"""The JSON Schemas of the event bodies: ``python -m shared.events.schemas`` writes them, ``--check`` compares."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from shared.events.catalogue import MODELS
from shared.events.envelope import TYPE_PREFIX
from shared.events.models import DepartmentAnswer, Event

DIRECTORY = Path(__file__).parents[2] / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

BODIES: Mapping[str, type[Event]] = MappingProxyType(
    {name.removeprefix(TYPE_PREFIX): model for name, model in MODELS.items()} | {"department.answer": DepartmentAnswer}
)


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of one body, by the event type without its prefix; it accepts what consumers accept."""
    return {"$schema": DIALECT, "$id": f"urn:laksa:{name}"} | BODIES[name].model_json_schema()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare all schemas and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m shared.events.schemas", description=__doc__)
    parser.add_argument("--check", action="store_true", help="Change nothing; end with 1 where a file is not current")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="Default: schemas/")
    chosen = parser.parse_args(arguments)
    wanted = {f"{name}.json": f"{json.dumps(schema_of(name), indent=2, ensure_ascii=False)}\n" for name in BODIES}
    stale = _stale(chosen.directory, wanted)
    if chosen.check:
        sys.stdout.writelines(f"{name} is not current: run python -m shared.events.schemas\n" for name in stale)
        return 1 if stale else 0
    _write(chosen.directory, wanted, stale)
    return 0


def _stale(directory: Path, wanted: Mapping[str, str]) -> list[str]:
    found = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}
    return sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))


def _write(directory: Path, wanted: Mapping[str, str], stale: Sequence[str]) -> None:
    directory.mkdir(exist_ok=True)
    for name in stale:
        if name in wanted:
            (directory / name).write_text(wanted[name], encoding="utf-8")
        else:
            (directory / name).unlink()


if __name__ == "__main__":
    sys.exit(main())
