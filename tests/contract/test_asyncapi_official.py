"""The AsyncAPI documents, by the official JSON Schema of AsyncAPI 3.0.0."""

import copy
import hashlib
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from shared.messaging.asyncapi import SERVICES, asyncapi_json

ROOT = Path(__file__).parents[2]
VENDORED = ROOT / "tests" / "data" / "asyncapi-3.0.0"
COMMITTED = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))

Json = dict[str, Any]


@pytest.fixture(scope="module")
def official() -> jsonschema_rs.Draft7Validator:
    """The schema as its authors publish it; all that it refers to is inside, so no network is asked."""
    return jsonschema_rs.Draft7Validator(json.loads((VENDORED / "schema.json").read_bytes()))


def _faults(official: jsonschema_rs.Draft7Validator, document: Json) -> list[str]:
    return [f"{'/'.join(map(str, one.instance_path))}: {one.message[:200]}" for one in official.iter_errors(document)]


def test_the_schema_is_the_published_one() -> None:
    """The vendored files are byte for byte those of the package that ``source.json`` names, the licence among them."""
    source = json.loads((VENDORED / "source.json").read_text())

    assert {one["to"] for one in source["files"]} == {path.name for path in VENDORED.iterdir()} - {"source.json"}
    for one in source["files"]:
        assert hashlib.sha256((VENDORED / one["to"]).read_bytes()).hexdigest() == one["sha256"], one["to"]


def test_the_committed_document_is_valid(official: jsonschema_rs.Draft7Validator) -> None:
    """``docs/asyncapi.yaml`` is an AsyncAPI 3.0.0 document."""
    assert _faults(official, COMMITTED) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_own_document_is_valid(official: jsonschema_rs.Draft7Validator, service: str) -> None:
    """What a service serves at ``/asyncapi`` is an AsyncAPI 3.0.0 document."""
    map_ = import_module(f"services.{service}.handlers")

    served = json.loads(asyncapi_json(f"LAKSA {service}", service, map_.RECEIVES, map_.SENDS))

    assert _faults(official, served) == []


def _without_version(document: Json) -> None:
    del document["info"]["version"]


def _operation_of_no_kind(document: Json) -> None:
    next(iter(document["operations"].values()))["action"] = "publish"  # as AsyncAPI 2 had it


def _unknown_field(document: Json) -> None:
    next(iter(document["channels"].values()))["topic"] = "a.v1"


@pytest.mark.parametrize("spoil", [_without_version, _operation_of_no_kind, _unknown_field])
def test_a_wrong_document_is_refused(official: jsonschema_rs.Draft7Validator, spoil: Callable[[Json], None]) -> None:
    """The schema is really asked: a fault anywhere in the document is found."""
    document = copy.deepcopy(COMMITTED)
    spoil(document)

    assert _faults(official, document)
