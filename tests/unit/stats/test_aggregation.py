"""The derivation of a report's row does not depend on the order of its facts."""

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
    """The row of the first report with these facts."""
    return fold(str(lifecycle.report_id(0)), known, default_taxonomy())


def row_after(*events: Received[Event]) -> ReportRow:
    """The row after these events."""
    return row_of(facts(*events))


@given(st.data())
def test_any_order_and_any_repetition_give_the_same_row(data: st.DataObject) -> None:
    """The same set of facts gives the same row, in any order and repetition (crash windows, Stats)."""
    life = data.draw(lives())
    again = data.draw(disturbed(life))
    assert row_of(again) == row_of(life)


@given(lives())
def test_a_report_counts_exactly_when_it_is_registered_and_no_exercise(life: list[Fact]) -> None:
    """A report counts in both cube and accounts if it is registered and no exercise, else in neither."""
    row = row_of(life)
    assert row.counts == (row.cube_key is not None) == (row.account_key is not None)
    assert row.counts == (row.registration is not None and row.registration.mode != "exercise")


def test_a_routed_report_counts_in_one_cell_and_one_line() -> None:
    """A routed report has all eight dimensions of the cube and the five of the accounts."""
    row = row_after(lifecycle.registered(), lifecycle.decided(informed=["BPBD"]))
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
    """A report does not count until its ``registered`` fact arrives, and then with all earlier facts."""
    early = [lifecycle.decided(), lifecycle.status_changed(to="resolved")]
    assert row_after(*early).cube_key is None
    row = row_after(*early, lifecycle.registered())
    assert row.cube_key is not None
    assert row.cube_key.status == "resolved"


def test_an_exercise_counts_nowhere() -> None:
    """An exercise has a row with its mode, but is in neither cube nor accounts."""
    row = row_after(lifecycle.registered(mode="exercise"), lifecycle.decided(mode="exercise"))
    assert row.registration is not None
    assert (row.cube_key, row.account_key) == (None, None)


def test_the_first_decision_stands() -> None:
    """The decision with the earliest time is valid, not the first to arrive."""
    later = lifecycle.decided(outcome="triaged", owner="LIVEROOM", decided_at=lifecycle.START + timedelta(days=1))
    row = row_after(later, lifecycle.registered(), lifecycle.decided())
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
    """The status follows the decision's outcome; a call that ended at the router is ``ended``, not resolved."""
    assert row_after(lifecycle.registered(), lifecycle.decided(0, outcome, owner)).status == status


def test_without_a_decision_a_report_is_received() -> None:
    """Without a decision a report counts as received, without an owner."""
    row = row_after(lifecycle.registered())
    assert (row.status, row.owner, row.outcome) == (CaseStatus.RECEIVED, NONE, NONE)


def test_the_owners_latest_change_is_the_status() -> None:
    """The owner's change with the highest seq gives the status; informed departments do not affect it."""
    row = row_after(
        lifecycle.status_changed(to="resolved", seq=3),
        lifecycle.status_changed(to="in_progress", seq=2),
        lifecycle.status_changed(to="rejected", opd="BPBD", seq=9),
        lifecycle.decided(informed=["BPBD"]),
        lifecycle.registered(),
    )
    assert row.status == "resolved"


def test_an_unknown_status_of_a_newer_producer_says_nothing() -> None:
    """An unknown status is ignored, and the latest known one is used."""
    row = row_after(
        lifecycle.registered(),
        lifecycle.decided(),
        lifecycle.status_changed(to="in_progress", seq=1),
        lifecycle.status_changed(to="entah", seq=2),
    )
    assert row.status == "in_progress"


def test_the_owners_acknowledged_delivery_acknowledges_the_case() -> None:
    """An acknowledgement by the owner acknowledges the case; one by an informed department does not."""
    begun = [lifecycle.registered(), lifecycle.decided(informed=["BPBD"]), lifecycle.delivery()]
    assert row_after(*begun).status == "routed"
    assert row_after(*begun, lifecycle.delivery(state="acknowledged", opd="BPBD")).status == "routed"
    assert row_after(*begun, lifecycle.delivery(state="acknowledged")).status == "acknowledged"


def test_an_answer_outweighs_an_acknowledged_delivery() -> None:
    """A department's status change takes precedence over its acknowledged delivery, in any order."""
    row = row_after(
        lifecycle.registered(),
        lifecycle.decided(),
        lifecycle.status_changed(to="in_progress"),
        lifecycle.delivery(state="acknowledged", at=lifecycle.START + timedelta(days=2)),
    )
    assert row.status == "in_progress"


def test_triage_is_not_left_by_an_acknowledgement() -> None:
    """An acknowledgement does not end triage."""
    row = row_after(
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
    """Every category, also unknown and missing, has a roll-up, so that the five lines sum to the total."""
    key = row_after(lifecycle.registered(category=category)).cube_key
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
    """A 112 call always has a call type, normal if unknown; other reports have none."""
    key = row_after(lifecycle.registered(channel=channel, call_type=call_type)).cube_key
    assert key is not None
    assert key.call_type == counted


def test_a_report_is_counted_under_the_day_on_which_it_happened() -> None:
    """A report counts on the day in Jakarta on which it occurred, although received in another month."""
    row = row_after(lifecycle.registered(occurred_at=datetime(2024, 1, 31, 17, 30, tzinfo=UTC)))
    assert row.cube_key is not None
    assert row.cube_key.day == date(2024, 2, 1)
