"""The AsyncAPI documents are valid, match the topics and the golden events, and the committed one is current."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.events.catalogue import SUBMITTED
from shared.messaging import asyncapi, topic_specs
from shared.messaging.asyncapi import DEAD_LETTER, Operation, ServiceOperations, asyncapi_json, document_of

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "asyncapi.yaml"
GOLDEN = {path.stem: json.loads(path.read_text()) for path in (ROOT / "tests/data/golden").glob("*.json")}
MAPS = [(name, import_module(f"services.{name}.handlers")) for name in asyncapi.SERVICES]
SYSTEM = document_of("LAKSA Pipeline", [ServiceOperations(name, map_.RECEIVES, map_.SENDS) for name, map_ in MAPS])


def _references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _resolve(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _addresses(document: dict[str, Any]) -> set[str]:
    """The topics of the channels, with parameters filled in."""
    found = set()
    for channel in document["channels"].values():
        parameters = {name: parameter["enum"] for name, parameter in channel.get("parameters", {}).items()}
        for values in product(*parameters.values()):
            found.add(channel["address"].format(**dict(zip(parameters, values, strict=True))))
    return found


@pytest.mark.parametrize(("service", "map_"), MAPS, ids=[name for name, _ in MAPS])
def test_a_services_document_holds_together(service: str, map_: Any) -> None:
    """Every reference resolves, each operation has messages of its own channel, and each payload is a schema."""
    document = json.loads(asyncapi_json(f"LAKSA {service}", service, map_.RECEIVES, map_.SENDS))

    assert document["asyncapi"] == "3.0.0"
    assert document["info"].keys() >= {"title", "version"}
    for reference in _references(document):
        assert _resolve(document, reference) is not None
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert all(message["$ref"].startswith(operation["channel"]["$ref"]) for message in operation["messages"])
    for channel in document["channels"].values():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel.get("parameters", {}))
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_the_channels_are_the_topics() -> None:
    """The channels are exactly the topics: each is read or written by a service, and no other topic is."""
    assert _addresses(SYSTEM) == {spec.name for spec in topic_specs.all_topics(default_taxonomy().opds)}


@pytest.mark.parametrize("kind", sorted(GOLDEN))
def test_the_golden_events_are_what_the_document_says(kind: str) -> None:
    """Headers and body of each golden record are valid, and its type is a message of its topic."""
    golden = GOLDEN[kind]
    if kind not in SYSTEM["components"]["messages"]:
        pytest.fail(f"no service sends or receives {kind}")
    message = SYSTEM["components"]["messages"][kind]

    jsonschema_rs.validate(message["headers"], golden["headers"])
    if "value" in golden:
        jsonschema_rs.validate(message["payload"] | {"components": SYSTEM["components"]}, golden["value"])
    carried = [channel for channel in SYSTEM["channels"].values() if kind in channel["messages"]]
    assert any(re.fullmatch(re.sub(r"\{\w+\}", r"\\w+", channel["address"]), golden["topic"]) for channel in carried)


def test_whatever_is_sent_is_received_or_meant_for_people() -> None:
    """Each message on an internal topic has a sender and a receiver; people read the other topics."""
    for name, channel in SYSTEM["channels"].items():
        sides = {
            action: {message["$ref"].rsplit("/", 1)[1] for message in operation["messages"]}
            for action in ("send", "receive")
            for operation in SYSTEM["operations"].values()
            if operation["action"] == action and operation["channel"]["$ref"] == f"#/channels/{name}"
        }
        assert sides, channel
        if channel["address"] in {"reports.{lane}.v1", topics.LIFECYCLE, topics.UPDATES}:
            assert sides["send"] <= sides["receive"], channel


def test_the_committed_document_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """``docs/asyncapi.yaml`` is what ``laksa asyncapi`` prints."""
    asyncapi.main([])

    assert COMMITTED.read_text(encoding="utf-8") == capsys.readouterr().out
    assert yaml.safe_load(COMMITTED.read_text(encoding="utf-8")) == SYSTEM


def test_an_operation_declared_twice_is_refused() -> None:
    """Two operations on one topic are refused, because one would overwrite the other in the document."""
    twice = [Operation("a.v1", [SUBMITTED], ""), Operation("a.v1", [DEAD_LETTER], "")]

    with pytest.raises(ValueError, match="declared twice"):
        document_of("x", [ServiceOperations("x", twice, [])])


def test_an_unknown_event_type_is_refused() -> None:
    """An event type that is not in the catalogue is refused."""
    with pytest.raises(ValueError, match="no event type of the catalogue"):
        document_of("x", [ServiceOperations("x", [Operation("a.v1", ["id.go.tangerangkota.typo.v1"], "")], [])])
