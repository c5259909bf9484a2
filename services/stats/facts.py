"""A fact: one event of ``lifecycle.v1`` as stats stores it, without personal data of the reporter.

Producers already leave personal data out, but stats does not rely on it: a department's note is dropped, a value
without the form of a code is replaced, and control characters (which PostgreSQL refuses) and overlong text are cut.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from shared.domain.texts import strip_controls
from shared.events.catalogue import (
    DECISIONS,
    DELIVERED,
    DELIVERY_ACKNOWLEDGED,
    DELIVERY_ESCALATED,
    DELIVERY_EXHAUSTED,
    DELIVERY_FAILED,
    MODELS,
    REGISTERED,
    STATUS_CHANGED,
)
from shared.events.envelope import Attributes
from shared.events.models import DeliveryChanged, Event, ReportDecided, ReportRegistered, ReportStatusChanged

TEXT_LIMIT = 300  # characters; the longest reason of a routing rule is much shorter
MISFORMED = "UNKNOWN"
_CODE = re.compile(r"[A-Z][A-Z0-9]{0,19}([-_][A-Z0-9]{1,20}){0,3}")  # no spaces, no leading digit: no name or phone
_CODE_FIELDS = frozenset({"category", "kecamatan"})
_DROPPED_FIELDS = frozenset({"note"})

FACT_MODELS: Mapping[str, type[Event]] = MappingProxyType(
    {
        kind: MODELS[kind]
        for kind in (
            REGISTERED,
            *DECISIONS.values(),
            STATUS_CHANGED,
            DELIVERED,
            DELIVERY_FAILED,
            DELIVERY_ACKNOWLEDGED,
            DELIVERY_ESCALATED,
            DELIVERY_EXHAUSTED,
        )
    }
)
_OUTCOMES: Mapping[str, str] = MappingProxyType({kind: outcome for outcome, kind in DECISIONS.items()})

FactEvent = ReportRegistered | ReportDecided | ReportStatusChanged | DeliveryChanged


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of a report. ``kind`` is its full type; facts with the same event id are the same fact."""

    event_id: str
    kind: str
    event: FactEvent

    @property
    def report_id(self) -> str:
        """The id of the fact's report."""
        return str(self.event.report_id)

    @property
    def moment(self) -> datetime:
        """The time of the fact, by the clock of its source."""
        if isinstance(self.event, ReportRegistered):
            return self.event.received_at
        return self.event.decided_at if isinstance(self.event, ReportDecided) else self.event.at

    @property
    def name(self) -> str:
        """The last part of the event type: ``registered``, ``routed``, ``status_changed``, ``delivered``."""
        return self.kind.split(".")[-2]

    @property
    def outcome(self) -> str | None:
        """The outcome of a decision: routed, triaged, ended or rejected; None for other facts."""
        return _OUTCOMES.get(self.kind)

    @property
    def body(self) -> str:
        """The event as JSON, as it is stored."""
        return self.event.model_dump_json(exclude=set(_DROPPED_FIELDS))


def fact_of(attributes: Attributes, event: Event) -> Fact:
    """Make the fact of an event, without personal data."""
    return Fact(attributes.id, attributes.type, _typed(attributes.type, _clean(event.model_dump())))


def fact_from(event_id: str, kind: str, body: str) -> Fact:
    """Read a stored fact."""
    return Fact(event_id, kind, _typed(kind, body))


def _typed(kind: str, body: str | Mapping[str, Any]) -> FactEvent:
    model = FACT_MODELS[kind]
    event = model.model_validate_json(body) if isinstance(body, str) else model.model_validate(body)
    if not isinstance(event, FactEvent):
        raise TypeError("Not an event type of lifecycle.v1")
    return event


def _clean(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _clean_value(name, value) for name, value in fields.items() if name not in _DROPPED_FIELDS}


def _clean_value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _clean(value)
    if isinstance(value, list | tuple):
        return tuple(_clean_value(name, item) for item in value)
    if not isinstance(value, str):
        return value
    if name in _CODE_FIELDS:
        return value if _CODE.fullmatch(value) else MISFORMED
    return strip_controls(value)[0][:TEXT_LIMIT]
