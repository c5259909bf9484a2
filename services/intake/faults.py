"""The faults of a body, field by field: first the schema, then rules across fields. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from services.intake.bodies import CallBody, PlaceBody, ReportBody
from services.intake.submissions import time_fault
from shared.domain.places import locate_fault

PLACE_CODES = frozenset({"not_finite", "swapped", "out_of_range", "outside_city", "half_a_place"})

BodyT = TypeVar("BodyT", ReportBody, CallBody)


@dataclass(frozen=True, slots=True)
class Fault:
    """One invalid field: its path, a stable code, and the limit if a text is too long."""

    path: tuple[str | int, ...]
    code: str
    limit: int | None = None

    @property
    def dotted(self) -> str:
        """The path as shown to the client."""
        return ".".join(str(part) for part in self.path)


def examine(model: type[BodyT], fields: dict[str, Any], now: datetime) -> BodyT | list[Fault]:
    """The validated body, or all its faults. ``now`` is aware."""
    body: BodyT
    try:
        body = model.model_validate(fields)
    except ValidationError as error:
        return [
            Fault(fault["loc"], fault["type"], fault.get("ctx", {}).get("max_length"))
            for fault in error.errors(include_url=False, include_input=False)
        ]
    return [*_time_faults(body, now), *_place_faults(body.place), *_text_faults(body)] or body


def _time_faults(body: ReportBody | CallBody, now: datetime) -> Iterator[Fault]:
    times = {"occurred_at": body.occurred_at}
    if isinstance(body, CallBody):
        times |= {"call_started_at": body.call_started_at, "call_ended_at": body.call_ended_at}
    for name, moment in times.items():
        code = time_fault(moment, now, body.mode) if moment else None
        if code:
            yield Fault((name,), code)


def _place_faults(place: PlaceBody | None) -> Iterator[Fault]:
    if place is None or (place.latitude is None and place.longitude is None):
        return
    if place.latitude is None or place.longitude is None:
        yield Fault(("place", "latitude" if place.latitude is None else "longitude"), "half_a_place")
        return
    code = locate_fault(place.latitude, place.longitude)
    if code:
        yield Fault(("place", "latitude"), code)


def _text_faults(body: ReportBody | CallBody) -> Iterator[Fault]:
    if isinstance(body, ReportBody) and not body.text.strip():
        yield Fault(("text",), "blank")
