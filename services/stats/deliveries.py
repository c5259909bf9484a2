"""Derives the state of each delivery of a report from its facts, in any order. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from services.stats.facts import Fact
from shared.domain.delivery import DeliveryState
from shared.events.catalogue import DELIVERED, DELIVERY_ACKNOWLEDGED, DELIVERY_EXHAUSTED, DELIVERY_FAILED
from shared.events.models import DeliveryChanged

# Per fact: its rank among the facts of the same attempt, and the state of the delivery after it.
_STATES: Mapping[str, tuple[int, DeliveryState]] = MappingProxyType(
    {
        DELIVERY_FAILED: (1, DeliveryState.RETRYING),
        DELIVERY_EXHAUSTED: (2, DeliveryState.EXHAUSTED),
        DELIVERED: (3, DeliveryState.DELIVERED),
        DELIVERY_ACKNOWLEDGED: (4, DeliveryState.ACKNOWLEDGED),
    }
)
FAILING: frozenset[DeliveryState] = frozenset({DeliveryState.RETRYING, DeliveryState.EXHAUSTED})


@dataclass(frozen=True, slots=True, order=True)
class DeliveryRow:
    """The delivery of a report to one endpoint, with its number of attempts and its escalation level."""

    opd: str
    delivery_id: str
    role: str
    endpoint: str
    endpoint_kind: str
    state: str
    attempts: int
    level: int
    last_at: datetime
    acknowledged_by: str | None
    acknowledged_via: str | None


def fold_deliveries(facts: Iterable[Fact]) -> tuple[DeliveryRow, ...]:
    """The deliveries of a report, by OPD and delivery id."""
    changes_by_id: dict[str, list[tuple[Fact, DeliveryChanged]]] = {}
    for fact in facts:
        if isinstance(fact.event, DeliveryChanged):
            changes_by_id.setdefault(str(fact.event.delivery_id), []).append((fact, fact.event))
    return tuple(sorted(_fold_delivery(delivery_id, changes) for delivery_id, changes in changes_by_id.items()))


def _fold_delivery(delivery_id: str, changes: list[tuple[Fact, DeliveryChanged]]) -> DeliveryRow:
    ordered = sorted(changes, key=lambda change: _rank(*change))
    fact, last = ordered[-1]
    settled = fact.kind == DELIVERY_ACKNOWLEDGED
    return DeliveryRow(
        opd=last.opd,
        delivery_id=delivery_id,
        role=last.role,
        endpoint=last.endpoint,
        endpoint_kind=last.endpoint_kind,
        state=_state_after(fact, last),
        attempts=max(change.attempt for _, change in changes),
        level=max(change.level for _, change in changes),
        last_at=max(change.at for _, change in changes),
        acknowledged_by=last.acknowledged_by if settled else None,
        acknowledged_via=last.acknowledged_via if settled else None,
    )


def _rank(fact: Fact, change: DeliveryChanged) -> tuple[bool, int, int, datetime, str]:
    """Sort key: an acknowledgement is final, else the highest attempt wins; escalations are no attempts."""
    order, _ = _STATES.get(fact.kind, (0, DeliveryState.PENDING))
    attempt = change.attempt if order else -1
    return fact.kind == DELIVERY_ACKNOWLEDGED, attempt, order, change.at, fact.event_id


def _state_after(fact: Fact, change: DeliveryChanged) -> DeliveryState:
    if fact.kind == DELIVERY_ACKNOWLEDGED and change.state == DeliveryState.CLOSED_BY_PERSON:
        return DeliveryState.CLOSED_BY_PERSON
    return _STATES.get(fact.kind, (0, DeliveryState.PENDING))[1]
