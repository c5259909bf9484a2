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
    """The published schema, with all references inside, so that it needs no network."""
    return jsonschema_rs.Draft7Validator(json.loads((VENDORED / "schema.json").read_bytes()))


def _faults(official: jsonschema_rs.Draft7Validator, document: Json) -> list[str]:
    return [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}" for error in official.iter_errors(document)
    ]


def test_the_schema_is_the_published_one() -> None:
    """The vendored files, with the licence, equal those of the package in ``source.json`` byte for byte."""
    source = json.loads((VENDORED / "source.json").read_text())

    assert {file["to"] for file in source["files"]} == {path.name for path in VENDORED.iterdir()} - {"source.json"}
    for file in source["files"]:
        assert hashlib.sha256((VENDORED / file["to"]).read_bytes()).hexdigest() == file["sha256"], file["to"]


def test_the_committed_document_is_valid(official: jsonschema_rs.Draft7Validator) -> None:
    """``docs/asyncapi.yaml`` is an AsyncAPI 3.0.0 document."""
    assert _faults(official, COMMITTED) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_own_document_is_valid(official: jsonschema_rs.Draft7Validator, service: str) -> None:
    """The document that a service serves at ``/asyncapi`` is an AsyncAPI 3.0.0 document."""
    map_ = import_module(f"services.{service}.handlers")

    served = json.loads(asyncapi_json(f"LAKSA {service}", service, map_.RECEIVES, map_.SENDS))

    assert _faults(official, served) == []


def _without_version(document: Json) -> None:
    del document["info"]["version"]


def _operation_of_no_kind(document: Json) -> None:
    next(iter(document["operations"].values()))["action"] = "publish"  # the form of AsyncAPI 2


def _unknown_field(document: Json) -> None:
    next(iter(document["channels"].values()))["topic"] = "a.v1"


@pytest.mark.parametrize("spoil", [_without_version, _operation_of_no_kind, _unknown_field])
def test_a_wrong_document_is_refused(official: jsonschema_rs.Draft7Validator, spoil: Callable[[Json], None]) -> None:
    """The schema check finds a fault anywhere in the document."""
    document = copy.deepcopy(COMMITTED)
    spoil(document)

    assert _faults(official, document)
