"""Generated lives of reports for property tests: sets of facts, consistent or not."""

from collections.abc import Sequence

from hypothesis import strategies as st

from services.stats.facts import Fact, fact_of
from shared.domain.lanes import CallType, Channel, Lane, Mode
from shared.domain.taxonomy import default_taxonomy
from shared.domain.workflow import CaseStatus
from shared.events.models import Event
from shared.messaging.received import Received
from tests.support.builders import lifecycle

OPDS = ("DISHUB", "BPBD", "LIVEROOM")


def fact(received: Received[Event]) -> Fact:
    """The fact of an event."""
    return fact_of(received.attributes, received.event)


def facts(*received: Received[Event]) -> list[Fact]:
    """The facts of these events."""
    return [fact(event) for event in received]


@st.composite
def lives(draw: st.DrawFn, number: int = 0) -> list[Fact]:
    """Facts of the n-th report with distinct event ids; any of them may be missing."""
    life: list[Received[Event]] = []
    if draw(st.booleans()):
        life.append(draw(_registrations(number)))
    life.extend(draw(st.lists(_decisions(number), max_size=2)))
    life.extend(draw(st.lists(_statuses(number), max_size=4)))
    life.extend(draw(st.lists(_deliveries(number), max_size=6)))
    return list({known.event_id: known for known in facts(*life)}.values())


@st.composite
def many_lives(draw: st.DrawFn, most: int = 4) -> list[Fact]:
    """The facts of several reports."""
    count = draw(st.integers(1, most))
    return [known for number in range(count) for known in draw(lives(number))]


@st.composite
def disturbed(draw: st.DrawFn, given: Sequence[Fact]) -> list[Fact]:
    """The same facts in another order, some of them repeated."""
    again = draw(st.lists(st.sampled_from(list(given)), max_size=5)) if given else []
    return draw(st.permutations([*given, *again]))


def _registrations(number: int) -> st.SearchStrategy[Received[Event]]:
    return st.builds(
        lambda **fields: lifecycle.registered(number, **fields),
        channel=st.sampled_from([channel.value for channel in Channel]),
        lane=st.sampled_from([lane.value for lane in Lane]),
        mode=st.sampled_from([mode.value for mode in Mode]),
        category=st.sampled_from([None, "XXX-BARU", *default_taxonomy().categories]),
        kecamatan=st.sampled_from([None, "BENDA", "PINANG"]),
        call_type=st.sampled_from([None, *(call_type.value for call_type in CallType)]),
    )


def _decisions(number: int) -> st.SearchStrategy[Received[Event]]:
    return st.builds(
        lambda outcome, owner, later: lifecycle.decided(
            number, outcome, owner, decided_at=lifecycle.START + later * (lifecycle.START - lifecycle.EARLIER)
        ),
        outcome=st.sampled_from(["routed", "triaged", "ended", "rejected"]),
        owner=st.sampled_from([None, *OPDS]),
        later=st.integers(0, 3),
    )


def _statuses(number: int) -> st.SearchStrategy[Received[Event]]:
    return st.builds(
        lambda to, opd, seq: lifecycle.status_changed(number, to, opd=opd, seq=seq),
        to=st.sampled_from(["dari-masa-depan", *(status.value for status in CaseStatus)]),
        opd=st.sampled_from(OPDS),
        seq=st.integers(1, 4),
    )


def _deliveries(number: int) -> st.SearchStrategy[Received[Event]]:
    return st.builds(
        lambda state, opd, attempt: lifecycle.delivery(number, state, opd=opd, attempt=attempt),
        state=st.sampled_from(["delivered", "failed", "acknowledged", "escalated", "exhausted"]),
        opd=st.sampled_from(OPDS),
        attempt=st.integers(1, 3),
    )
