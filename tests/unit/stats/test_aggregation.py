"""What a report counts as: the same whatever the order in which its facts come."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.stats.aggregation import ENDED, NONE, UNKNOWN, AccountKey, CubeKey, ReportRow, fold
from services.stats.facts import Fact
from shared.domain.taxonomy import default_taxonomy
from shared.domain.workflow import CaseStatus
from shared.events.models import Event
from shared.messaging.received import Received
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import disturbed, facts, lives


def row_of(known: Sequence[Fact]) -> ReportRow:
    """The row that these facts of the first report give."""
    return fold(str(lifecycle.report_id(0)), known, default_taxonomy())


def told(*events: Received[Event]) -> ReportRow:
    """The row after these events."""
    return row_of(facts(*events))


@given(st.data())
def test_any_order_and_any_repetition_give_the_same_row(data: st.DataObject) -> None:
    """A row is a fold of the set of its facts (crash windows, Stats)."""
    life = data.draw(lives())
    again = data.draw(disturbed(life))
    assert row_of(again) == row_of(life)


@given(lives())
def test_a_report_counts_exactly_when_it_is_registered_and_no_exercise(life: list[Fact]) -> None:
    """Cube and accounts always agree on whether a report counts."""
    row = row_of(life)
    assert row.counts == (row.cube_key is not None) == (row.account_key is not None)
    assert row.counts == (row.registration is not None and row.registration.mode != "exercise")


def test_a_routed_report_counts_in_one_cell_and_one_line() -> None:
    """All eight dimensions of the cube, and what the accounts add."""
    row = told(lifecycle.registered(), lifecycle.decided(informed=["BPBD"]))
    assert row.cube_key == CubeKey(
        day=date(2026, 11, 20),
        channel="laksa",
        category="INF-PJU",
        rollup="other",
        opd="DISHUB",
        kecamatan="CIPONDOH",
        call_type=NONE,
        status="routed",
    )
    assert row.account_key == AccountKey("routine", "live", "DISHUB", "routed", "routed")


def test_facts_before_the_registration_wait_for_it() -> None:
    """Not counted until intake's own fact is here, and then with everything that came before."""
    early = [lifecycle.decided(), lifecycle.status_changed(to="resolved")]
    assert told(*early).cube_key is None
    row = told(*early, lifecycle.registered())
    assert row.cube_key is not None
    assert row.cube_key.status == "resolved"


def test_an_exercise_counts_nowhere() -> None:
    """Its row is kept and marked, but is in neither cube nor accounts."""
    row = told(lifecycle.registered(mode="exercise"), lifecycle.decided(mode="exercise"))
    assert row.registration is not None
    assert (row.cube_key, row.account_key) == (None, None)


def test_the_first_decision_stands() -> None:
    """By its time, not by its arrival."""
    later = lifecycle.decided(outcome="triaged", owner="LIVEROOM", decided_at=lifecycle.START + timedelta(days=1))
    row = told(later, lifecycle.registered(), lifecycle.decided())
    assert (row.outcome, row.owner, row.status) == ("routed", "DISHUB", "routed")


@pytest.mark.parametrize(
    ("outcome", "owner", "status"),
    [
        ("routed", "DISHUB", CaseStatus.ROUTED),
        ("triaged", "LIVEROOM", CaseStatus.TRIAGE),
        ("ended", None, ENDED),
        ("rejected", None, CaseStatus.REJECTED),
    ],
)
def test_the_status_follows_the_decision(outcome: str, owner: str | None, status: str) -> None:
    """What ended at the router is called so, and not finished work."""
    assert told(lifecycle.registered(), lifecycle.decided(0, outcome, owner)).status == status


def test_without_a_decision_a_report_is_received() -> None:
    """Accepted, counted, and without an owner."""
    row = told(lifecycle.registered())
    assert (row.status, row.owner, row.outcome) == (CaseStatus.RECEIVED, NONE, NONE)


def test_the_owners_latest_change_is_the_status() -> None:
    """By the owner's own counter, not by arrival; what informed departments say is theirs."""
    row = told(
        lifecycle.status_changed(to="resolved", seq=3),
        lifecycle.status_changed(to="in_progress", seq=2),
        lifecycle.status_changed(to="rejected", opd="BPBD", seq=9),
        lifecycle.decided(informed=["BPBD"]),
        lifecycle.registered(),
    )
    assert row.status == "resolved"


def test_an_unknown_status_of_a_newer_producer_says_nothing() -> None:
    """The latest that we know stands."""
    row = told(
        lifecycle.registered(),
        lifecycle.decided(),
        lifecycle.status_changed(to="in_progress", seq=1),
        lifecycle.status_changed(to="entah", seq=2),
    )
    assert row.status == "in_progress"


def test_the_owners_acknowledged_delivery_acknowledges_the_case() -> None:
    """A person of that department has taken it; an informed department's acknowledgement does not."""
    begun = [lifecycle.registered(), lifecycle.decided(informed=["BPBD"]), lifecycle.delivery()]
    assert told(*begun).status == "routed"
    assert told(*begun, lifecycle.delivery(state="acknowledged", opd="BPBD")).status == "routed"
    assert told(*begun, lifecycle.delivery(state="acknowledged")).status == "acknowledged"


def test_an_answer_outweighs_an_acknowledged_delivery() -> None:
    """Whichever came first."""
    row = told(
        lifecycle.registered(),
        lifecycle.decided(),
        lifecycle.status_changed(to="in_progress"),
        lifecycle.delivery(state="acknowledged", at=lifecycle.START + timedelta(days=2)),
    )
    assert row.status == "in_progress"


def test_triage_is_not_left_by_an_acknowledgement() -> None:
    """It is left by assignment."""
    row = told(
        lifecycle.registered(category=None),
        lifecycle.decided(0, "triaged", "LIVEROOM"),
        lifecycle.delivery(state="acknowledged", opd="LIVEROOM"),
    )
    assert row.status == CaseStatus.TRIAGE


@pytest.mark.parametrize(
    ("category", "counted", "rollup"),
    [
        ("MED-AMBULANS", "MED-AMBULANS", "agd"),
        ("ANI-ULAR", "ANI-ULAR", "animals"),
        ("DIS-POHON", "DIS-POHON", "fallen_trees"),
        ("FIR-KEBAKARAN", "FIR-KEBAKARAN", "fire"),
        ("INF-PJU", "INF-PJU", "other"),
        ("XXX-BARU", UNKNOWN, "other"),
        (None, NONE, "other"),
    ],
)
def test_every_category_rolls_up(category: str | None, counted: str, rollup: str) -> None:
    """Unknown and missing ones too, so that the five lines always sum to the total."""
    key = told(lifecycle.registered(category=category)).cube_key
    assert key is not None
    assert (key.category, key.rollup) == (counted, rollup)


@pytest.mark.parametrize(
    ("channel", "call_type", "counted"),
    [
        ("112", "prank", "prank"),
        ("112", "Normal ", "normal"),
        ("112", "salah-ketik", "normal"),
        ("112", None, "normal"),
        ("laksa", None, NONE),
        ("call_center", "information", "information"),
    ],
)
def test_call_types_of_112_are_never_missing(channel: str, call_type: str | None, counted: str) -> None:
    """Unknown values count as normal; what is no call has none."""
    key = told(lifecycle.registered(channel=channel, call_type=call_type)).cube_key
    assert key is not None
    assert key.call_type == counted


def test_a_report_is_counted_under_the_day_on_which_it_happened() -> None:
    """In Jakarta, although it was received in another month."""
    row = told(lifecycle.registered(occurred_at=datetime(2024, 1, 31, 17, 30, tzinfo=UTC)))
    assert row.cube_key is not None
    assert row.cube_key.day == date(2024, 2, 1)
