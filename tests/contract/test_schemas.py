"""The JSON Schemas of the events are committed, current, and changed only compatibly."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from shared.events import schemas
from shared.events.catalogue import MODELS, UNREADABLE
from shared.events.envelope import TYPE_PREFIX
from tests.support.compatibility import incompatibilities

RELEASED = Path(__file__).parents[1] / "data" / "schemas-released"
SUBMITTED: dict[str, Any] = schemas.schema_of("report.submitted.v1")

Change = Callable[[dict[str, Any]], object]


def test_the_committed_schemas_are_current() -> None:
    """``schemas/`` equals the output of ``laksa schemas``."""
    assert schemas.stale_files() == []


def test_the_check_names_what_is_not_current(tmp_path: Path) -> None:
    """The check names a changed, a missing and a left-over file, and writing the schemas corrects all three."""
    schemas.write_files(tmp_path)
    (tmp_path / "report.routed.v1.json").write_text("{}")
    (tmp_path / "report.ended.v1.json").unlink()
    (tmp_path / "report.gone.v1.json").write_text("{}")
    stale = ["report.ended.v1.json", "report.gone.v1.json", "report.routed.v1.json"]

    assert schemas.stale_files(tmp_path) == stale
    assert schemas.write_files(tmp_path) == stale
    assert schemas.stale_files(tmp_path) == []


def test_every_event_type_has_a_schema() -> None:
    """Each event type except the raw one has a schema, and so has the departments' update."""
    wanted = {name.removeprefix(TYPE_PREFIX) for name in MODELS} | {"department.answer"}

    assert {path.stem for path in schemas.DIRECTORY.glob("*.json")} == wanted
    assert UNREADABLE not in MODELS


@pytest.mark.parametrize("released", sorted(RELEASED.glob("*.json")), ids=lambda path: path.stem)
def test_no_schema_changed_incompatibly_since_the_release(released: Path) -> None:
    """Since the release, schemas have only optional additions; other changes need a new event type and version."""
    old = json.loads(released.read_text())

    assert released.stem in schemas.BODIES, "an event type that was released cannot vanish"
    assert incompatibilities(old, schemas.schema_of(released.stem)) == []


def test_the_release_knows_every_type() -> None:
    """Every event type is in the baseline; add a new one with ``laksa schemas --directory`` at its first release."""
    assert {path.stem for path in RELEASED.glob("*.json")} == set(schemas.BODIES)


def _require(schema: dict[str, Any], name: str) -> None:
    schema["properties"][name] = {"type": "string"}
    schema["required"].append(name)


def _forget(schema: dict[str, Any], name: str) -> None:
    del schema["properties"][name]
    if name in schema["required"]:
        schema["required"].remove(name)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda schema: schema["properties"].update(x={"type": "string"}), id="optional field added"),
        pytest.param(
            lambda schema: schema["properties"].update(x={"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]}),
            id="optional object added",
        ),
        pytest.param(lambda schema: schema["$defs"]["Place"]["properties"].update(x={"type": "integer"}), id="nested"),
        pytest.param(lambda schema: schema.update(description="Said better"), id="description"),
    ],
)
def test_an_optional_addition_is_compatible(change: Change) -> None:
    """Optional fields and objects may be added."""
    new = deepcopy(SUBMITTED)
    change(new)

    assert incompatibilities(SUBMITTED, new) == []


@pytest.mark.parametrize(
    ("change", "direction"),
    [
        pytest.param(lambda schema: _require(schema, "x"), "backward", id="required field added"),
        pytest.param(lambda schema: _forget(schema, "ticket"), "forward", id="required field removed"),
        pytest.param(lambda schema: _forget(schema, "text"), "forward", id="optional field removed"),
        pytest.param(lambda schema: schema["required"].remove("ticket"), "forward", id="required made optional"),
        pytest.param(lambda schema: schema["properties"]["ticket"].update(type="integer"), "forward", id="type"),
        pytest.param(lambda schema: schema["properties"]["ticket"].update(maxLength=5), "backward", id="narrowed"),
        pytest.param(lambda schema: schema["properties"]["lane"].update(enum=["routine"]), "backward", id="enum"),
        pytest.param(
            lambda schema: schema["properties"].update(ticket={"anyOf": [{"type": "string"}, {"type": "integer"}]}),
            "forward",
            id="widened",
        ),
        pytest.param(
            lambda schema: schema["$defs"]["Place"]["properties"].update(latitude={"type": "string"}),
            "forward",
            id="nested type",
        ),
        pytest.param(lambda schema: schema["properties"]["ticket"].update(format="uuid"), "format", id="format added"),
        pytest.param(lambda schema: schema["properties"]["report_id"].pop("format"), "format", id="format dropped"),
    ],
)
def test_the_check_refuses_what_would_break_somebody(change: Change, direction: str) -> None:
    """The check refuses each incompatible change and names the direction in which it breaks."""
    new = deepcopy(SUBMITTED)
    change(new)

    assert any(fault.startswith(direction) for fault in incompatibilities(SUBMITTED, new))
