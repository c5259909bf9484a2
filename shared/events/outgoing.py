"""A record to publish on Kafka."""

from dataclasses import dataclass

from pydantic import BaseModel

from shared.events.envelope import Attributes, Headers, headers_of


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """One record to publish: topic, key (the report id's text), value and headers, all final.

    Sending it again is harmless: the event id in its headers stays the same.
    """

    topic: str
    key: bytes
    value: bytes
    headers: Headers


def record_of(topic: str, attributes: Attributes, event: BaseModel) -> OutgoingRecord:
    """The record that carries an event on a topic, keyed by its subject."""
    return OutgoingRecord(
        topic=topic,
        key=attributes.subject.encode(),
        value=event.model_dump_json().encode(),
        headers=headers_of(attributes),
    )
