"""The life of one delivery: one push of one report to one endpoint, apart from the case's own status.

Source: ``docs/domain.md``, Delivery; ``docs/promises.md``, N3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from shared.domain.lanes import Lane
from shared.domain.workflow import Refusal


class DeliveryState(StrEnum):
    """The state of a delivery.

    ``delivered``: a machine accepted it (2xx). ``acknowledged``: the department confirmed that it has the report.
    """

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    RETRYING = "retrying"
    EXHAUSTED = "exhausted"
    CLOSED_BY_PERSON = "closed_by_person"

    @property
    def is_settled(self) -> bool:
        """True for an end state: acknowledged, or closed by a person."""
        return self in SETTLED


D = DeliveryState

SETTLED: frozenset[DeliveryState] = frozenset({D.ACKNOWLEDGED, D.CLOSED_BY_PERSON})

# An expired lease in `sending` counts as a failed try, hence `retrying`; a due `retrying` is sent again.
_BOTH_LANES: Mapping[DeliveryState, frozenset[DeliveryState]] = MappingProxyType(
    {
        D.PENDING: frozenset({D.SENDING}) | SETTLED,
        D.SENDING: frozenset({D.DELIVERED, D.RETRYING}) | SETTLED,
        D.RETRYING: frozenset({D.SENDING}) | SETTLED,
        D.DELIVERED: SETTLED,
        D.ACKNOWLEDGED: frozenset(),
        D.CLOSED_BY_PERSON: frozenset(),
    }
)

# An emergency is pushed again, even after a 2xx, until a person acknowledges or closes it.
_EMERGENCY: Mapping[DeliveryState, frozenset[DeliveryState]] = MappingProxyType(
    {**_BOTH_LANES, D.DELIVERED: frozenset({D.SENDING}) | SETTLED, D.EXHAUSTED: frozenset()}
)

# A redrive sets an exhausted delivery to pending again (same id). A late acknowledgement still counts.
_ROUTINE: Mapping[DeliveryState, frozenset[DeliveryState]] = MappingProxyType(
    {
        **_BOTH_LANES,
        D.RETRYING: frozenset({D.SENDING, D.EXHAUSTED}) | SETTLED,
        D.EXHAUSTED: frozenset({D.PENDING}) | SETTLED,
    }
)

DELIVERY_TRANSITIONS: Mapping[Lane, Mapping[DeliveryState, frozenset[DeliveryState]]] = MappingProxyType(
    {Lane.EMERGENCY: _EMERGENCY, Lane.ROUTINE: _ROUTINE}
)


@dataclass(frozen=True, slots=True)
class DeliveryTransition:
    """A transition that the lane allows."""

    lane: Lane
    current: DeliveryState
    target: DeliveryState


def check_delivery_transition(
    lane: Lane, current: DeliveryState, target: DeliveryState
) -> DeliveryTransition | Refusal:
    """Check one transition of a delivery.

    The code of a refusal is ``same_status``, ``illegal_transition``, or ``not_in_this_lane`` for a transition that only
    the other lane allows.
    """
    if target is current:
        return Refusal("same_status", f"The delivery is already {current}.")
    if target in DELIVERY_TRANSITIONS[lane][current]:
        return DeliveryTransition(lane, current, target)
    if any(target in table[current] for table in DELIVERY_TRANSITIONS.values()):
        return Refusal("not_in_this_lane", f"A delivery of the {lane} lane does not go from {current} to {target}.")
    return Refusal("illegal_transition", f"A delivery that is {current} cannot become {target}.")
