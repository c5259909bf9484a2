"""The JSON Schemas of the event bodies: ``laksa schemas`` writes them, ``--check`` compares."""

import json
from collections.abc import Mapping
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


def stale_files(directory: Path = DIRECTORY) -> list[str]:
    """The schema files of a folder that are missing, changed or left over."""
    wanted = _wanted()
    found = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}
    return sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))


def write_files(directory: Path = DIRECTORY) -> list[str]:
    """Bring the schema files of a folder up to date; returns the names of those that were not."""
    wanted = _wanted()
    directory.mkdir(exist_ok=True)
    stale = stale_files(directory)
    for name in stale:
        if name in wanted:
            (directory / name).write_text(wanted[name], encoding="utf-8")
        else:
            (directory / name).unlink()
    return stale


def _wanted() -> dict[str, str]:
    return {f"{name}.json": f"{json.dumps(schema_of(name), indent=2, ensure_ascii=False)}\n" for name in BODIES}
