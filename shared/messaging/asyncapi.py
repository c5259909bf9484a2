"""The AsyncAPI 3.0 document of a service, or of the whole pipeline: ``laksa asyncapi``.

Handlers take raw records (the guard against bad ones wants that), so FastStream cannot infer payloads. Each service
declares its operations as ``RECEIVES`` and ``SENDS`` in its ``handlers.py``; payloads come from the event models.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared import VERSION
from shared.domain.lanes import Channel, Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events.catalogue import ASSIGNED, MODELS, UNREADABLE
from shared.events.envelope import CONTENT_TYPE, RAW_CONTENT_TYPE, SPEC_VERSION, TYPE_PREFIX
from shared.events.models import DepartmentAnswer
from shared.messaging.dead_letters import REASON_HEADERS

SERVICES = ("intake", "router", "notifier", "stats")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """What travels on a channel: a body (None where it is raw bytes) and its headers (name → meaning)."""

    name: str
    summary: str
    payload: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    required_headers: Sequence[str] = ()
    content_type: str = CONTENT_TYPE


@dataclass(frozen=True, slots=True)
class Operation:
    """One topic that a service reads or writes.

    ``address`` is the topic's name; ``{opd}``, ``{lane}`` and ``{channel}`` in it stand for their known values.
    ``messages`` are full event types of `shared.events.catalogue`, or `Message` for what is no event of ours.
    """

    address: str
    messages: Sequence[str | Message]
    summary: str


@dataclass(frozen=True, slots=True)
class ServiceOperations:
    """All that one service reads and writes."""

    service: str
    receives: Sequence[Operation]
    sends: Sequence[Operation]


DEPARTMENT_ANSWER = Message(
    "department.answer", "A department's answer to a report; CloudEvents headers are optional here", DepartmentAnswer
)
DEAD_LETTER = Message(
    "dead.letter",
    "A record that can never be processed: its own bytes (cut at 128 KiB), its text headers and the reason",
    headers=REASON_HEADERS,
    required_headers=tuple(REASON_HEADERS),
    content_type=RAW_CONTENT_TYPE,
)

_CE_HEADERS = {
    "ce_specversion": "CloudEvents version",
    "ce_id": "The event's id: the only key for deduplication",
    "ce_type": "The event's type",
    "ce_source": "The service that says so, as /laksa/<service>",
    "ce_subject": "The report's id",
    "ce_time": "When it happened, ISO 8601 in UTC",
    "ce_lane": "emergency or routine",
    "ce_category": "A code of the taxonomy; left out where the report has none",
    "ce_opd": "The department that this is about",
    "ce_mode": "live, exercise or backfill",
    "content-type": "The body's media type",
    "traceparent": "W3C Trace Context",
    "correlation_id": "The report's id",
}
_CE_REQUIRED = ("ce_specversion", "ce_id", "ce_type", "ce_source")
_DECISION_HEADERS = {
    "ce_role": "owner (its clock, its status) or informed",
    "ce_rule": "The rule that decided",
    "ce_table": "The version of the routing table",
    "ce_why": "The reason in one English sentence",
}
_SUMMARIES = {
    ASSIGNED: "A report's own body, forwarded untouched; the headers say why this department has it",
    UNREADABLE: "The raw bytes of an emergency that nobody could parse: a person has to look",
}


def asyncapi_json(title: str, service: str, receives: Sequence[Operation], sends: Sequence[Operation]) -> str:
    """The document of one service, as JSON text for ``/asyncapi``."""
    return json.dumps(document_of(title, [ServiceOperations(service, receives, sends)]), ensure_ascii=False)


def document_of(title: str, services: Sequence[ServiceOperations]) -> Json:
    """The AsyncAPI 3.0 document of these services' operations."""
    operations = [
        (service.service, action, operation)
        for service in services
        for action, listed in (("receive", service.receives), ("send", service.sends))
        for operation in listed
    ]
    messages = {_message(named).name: _message(named) for *_, operation in operations for named in operation.messages}
    schemas, references = _schemas(messages.values())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": VERSION,
            "description": "Citizen reports and 112 calls of Kota Tangerang as CloudEvents 1.0 in Kafka's binary mode.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": _channels([operation for *_, operation in operations]),
        "operations": _operations(operations),
        "components": {
            "messages": {name: _message_object(message, references) for name, message in messages.items()},
            "schemas": schemas,
        },
    }


def _message(named: str | Message) -> Message:
    if isinstance(named, Message):
        return named
    kind = named.removeprefix(TYPE_PREFIX)
    model = MODELS.get(named)
    if model is None and named != UNREADABLE:
        raise ValueError(f"{named} is no event type of the catalogue")
    extra = _DECISION_HEADERS if named in {ASSIGNED, UNREADABLE} else {}
    return Message(
        name=kind,
        summary=_SUMMARIES.get(named, _first_sentence(model)),
        payload=model,
        headers=_CE_HEADERS | extra,
        required_headers=_CE_REQUIRED,
        content_type=CONTENT_TYPE if model else RAW_CONTENT_TYPE,
    )


def _first_sentence(model: type[BaseModel] | None) -> str:
    return ((model.__doc__ if model else "") or "").strip().split("\n\n")[0].replace("``", "")


def _schemas(messages: Iterable[Message]) -> tuple[Json, dict[type[BaseModel], Json]]:
    models = list(dict.fromkeys(message.payload for message in messages if message.payload))
    # all at once, so that two models of one name in different modules get different names
    references, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    return definitions.get("$defs", {}), {model: references[model, "validation"] for model in models}


def _message_object(message: Message, references: Mapping[type[BaseModel], Json]) -> Json:
    payload = references[message.payload] if message.payload else {"description": "Bytes, not parsed"}
    described: Json = {
        "name": message.name,
        "summary": message.summary,
        "contentType": message.content_type,
        "payload": payload,
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The report's id, so that its records keep their order"},
                "bindingVersion": "0.5.0",
            }
        },
    }
    if message.headers:
        described["headers"] = {
            "type": "object",
            "required": list(message.required_headers),
            "properties": {name: _header(name, meaning, message) for name, meaning in message.headers.items()},
        }
    return described


def _header(name: str, meaning: str, message: Message) -> Json:
    fixed = {"ce_specversion": SPEC_VERSION, "ce_type": TYPE_PREFIX + message.name}.get(name)
    return {"type": "string", "description": meaning} | ({"const": fixed} if fixed else {})


def _channels(operations: Sequence[Operation]) -> Json:
    channels: Json = {}
    for operation in operations:
        channel = channels.setdefault(
            _channel_id(operation.address), {"address": operation.address, "messages": {}} | _parameters(operation)
        )
        for named in operation.messages:
            name = _message(named).name
            channel["messages"][name] = {"$ref": f"#/components/messages/{name}"}
    return channels


def _parameters(operation: Operation) -> Json:
    known = {
        "opd": ("An OPD's code in lower case", [code.lower() for code in default_taxonomy().opds]),
        "lane": ("One of the two lanes", [lane.value for lane in Lane]),
        "channel": ("Where reports come from", [channel.value for channel in Channel]),
    }
    names = re.findall(r"\{(\w+)\}", operation.address)
    if not names:
        return {}
    return {"parameters": {name: {"description": known[name][0], "enum": known[name][1]} for name in names}}


def _operations(operations: Sequence[tuple[str, str, Operation]]) -> Json:
    described: Json = {}
    for service, action, operation in operations:
        name = f"{service}.{action}.{_channel_id(operation.address)}"
        if name in described:
            raise ValueError(f"{name} is declared twice; put its messages into one operation")
        described[name] = _operation(action, operation)
    return described


def _operation(action: str, operation: Operation) -> Json:
    channel = f"#/channels/{_channel_id(operation.address)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": operation.summary,
        "messages": [{"$ref": f"{channel}/messages/{_message(named).name}"} for named in operation.messages],
    }


def _channel_id(address: str) -> str:
    return address.replace("{", "").replace("}", "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the document of the whole pipeline as YAML."""
    parser = argparse.ArgumentParser(
        prog="laksa asyncapi", description="Print the AsyncAPI document of these services as YAML."
    )
    parser.add_argument("services", nargs="*", default=SERVICES, help="Default: all four")
    names = parser.parse_args(arguments).services
    # by name and only here: shared code never depends on a service
    maps = [(name, import_module(f"services.{name}.handlers")) for name in names]
    declared = [ServiceOperations(name, module.RECEIVES, module.SENDS) for name, module in maps]
    document = document_of("LAKSA Pipeline", declared)
    sys.stdout.write(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120))


if __name__ == "__main__":
    # as __main__ this file is a second module, whose classes are not those that the services have imported
    import_module("shared.messaging.asyncapi").main()
