"""Parsing of Kafka records: a typed event, or a permanent error that says what is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import orjson
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from shared.errors import InvalidEvent, UnknownEventType, UnreadableBody
from shared.events.envelope import Attributes, attributes_of, text_headers
from shared.events.models import Event

Record: TypeAlias = ConsumerRecord
EventT = TypeVar("EventT", bound=Event)


@dataclass(frozen=True, slots=True)
class Received(Generic[EventT]):
    """One event as received: its attributes, its typed body, and the original bytes of the body to forward."""

    attributes: Attributes
    event: EventT
    body: bytes
    topic: str


def event_parser(models: Mapping[str, type[EventT]]) -> Callable[[Record], Received[EventT]]:
    """A parser for a topic that carries these event types (full ``ce_type`` → model).

    The parser raises:
        MissingAttribute, UnsupportedVersion: the CloudEvents headers are not valid.
        UnknownEventType: not one of the given types.
        UnreadableBody: empty, or not JSON.
        InvalidEvent: JSON, but not the fields of its type.
    """

    def parse(record: Record) -> Received[EventT]:
        attributes = attributes_of(text_headers(record.headers))
        model = models.get(attributes.type)
        if model is None:
            raise UnknownEventType("This consumer does not know the event type")
        body = record.value or b""
        try:
            event = model.model_validate_json(body)
        except ValidationError as error:
            raise _body_error(body) from error
        return Received(attributes, event, body, record.topic)

    return parse


def _body_error(body: bytes) -> UnreadableBody | InvalidEvent:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return UnreadableBody("The body is not JSON")
    return InvalidEvent("The body is JSON, but not the fields of its event type")
