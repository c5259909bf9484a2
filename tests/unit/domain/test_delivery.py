from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.domain.delivery import (
    DELIVERY_TRANSITIONS,
    SETTLED,
    DeliveryState,
    DeliveryTransition,
    check_delivery_transition,
)
from shared.domain.lanes import Lane
from shared.domain.workflow import Refusal

D = DeliveryState
STATES = st.sampled_from(DeliveryState)
LANES = st.sampled_from(Lane)


def allowed(lane: Lane, current: DeliveryState, target: DeliveryState) -> bool:
    """True if the lane allows the transition."""
    return isinstance(check_delivery_transition(lane, current, target), DeliveryTransition)


@given(LANES, STATES, STATES)
def test_every_step_has_an_answer(lane: Lane, current: DeliveryState, target: DeliveryState) -> None:
    """A transition is allowed if the lane's table has it, else refused with a code and a sentence."""
    answer = check_delivery_transition(lane, current, target)
    if target in DELIVERY_TRANSITIONS[lane][current]:
        assert answer == DeliveryTransition(lane, current, target)
    else:
        assert isinstance(answer, Refusal)
        assert answer.code in {"same_status", "not_in_this_lane", "illegal_transition"}
        assert answer.sentence.endswith(".")


def test_the_way_of_a_delivery_that_goes_well() -> None:
    """Pending, sending, delivered, acknowledged, in both lanes."""
    for lane in Lane:
        assert allowed(lane, D.PENDING, D.SENDING)
        assert allowed(lane, D.SENDING, D.DELIVERED)
        assert allowed(lane, D.DELIVERED, D.ACKNOWLEDGED)


def test_a_failed_try_is_tried_again() -> None:
    """Sending, retrying, sending, in both lanes."""
    for lane in Lane:
        assert allowed(lane, D.SENDING, D.RETRYING)
        assert allowed(lane, D.RETRYING, D.SENDING)


def test_only_a_routine_delivery_can_be_exhausted_and_redriven() -> None:
    """An emergency never ends by itself (N3)."""
    assert allowed(Lane.ROUTINE, D.RETRYING, D.EXHAUSTED)
    assert allowed(Lane.ROUTINE, D.EXHAUSTED, D.PENDING)
    refusal = check_delivery_transition(Lane.EMERGENCY, D.RETRYING, D.EXHAUSTED)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "not_in_this_lane"


def test_a_delivered_emergency_is_pushed_again_until_a_person_answers() -> None:
    """A 2xx ends the tries of a routine delivery, not those of an emergency."""
    assert allowed(Lane.EMERGENCY, D.DELIVERED, D.SENDING)
    assert not allowed(Lane.ROUTINE, D.DELIVERED, D.SENDING)


def test_a_person_can_end_every_open_delivery() -> None:
    """An acknowledgement or a close by a person is accepted in every open state and is final."""
    for lane in Lane:
        for state in D:
            if state in SETTLED:
                assert DELIVERY_TRANSITIONS[lane][state] == frozenset()
            elif DELIVERY_TRANSITIONS[lane][state]:
                assert DELIVERY_TRANSITIONS[lane][state] >= SETTLED


class EmergencyLife(RuleBasedStateMachine):
    """Random transitions of one emergency delivery."""

    def __init__(self) -> None:
        super().__init__()
        self.state = D.PENDING

    @rule(wanted=STATES)
    def step(self, wanted: DeliveryState) -> None:
        """Take a transition if the table allows it."""
        if allowed(Lane.EMERGENCY, self.state, wanted):
            self.state = wanted

    @invariant()
    def ends_only_by_a_person(self) -> None:
        """A state without transitions is reached only by a person's act (N3)."""
        stuck = not DELIVERY_TRANSITIONS[Lane.EMERGENCY][self.state]
        assert stuck == (self.state in SETTLED)
        assert self.state is not D.EXHAUSTED


TestEmergencyLife = EmergencyLife.TestCase
TestEmergencyLife.settings = settings(max_examples=50, stateful_step_count=20)
