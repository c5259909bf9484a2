"""The board's figures from the accounts."""

from services.stats.accounting import AccountLine
from services.stats.board.figures import board_figures
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy

LINES = [
    AccountLine("emergency", "live", "BPBD", "routed", "routed", 3),
    AccountLine("emergency", "live", "BPBD", "routed", "in_progress", 2),
    AccountLine("emergency", "live", "BPBD", "routed", "resolved", 1),
    AccountLine("emergency", "live", "LIVEROOM", "triaged", "triage", 2),
    AccountLine("emergency", "live", "NONE", "NONE", "received", 1),
    AccountLine("routine", "live", "DISHUB", "routed", "acknowledged", 4),
    AccountLine("routine", "live", "NONE", "ended", "ended", 17),
    AccountLine("routine", "backfill", "BPBD", "routed", "routed", 376),
]
FIGURES = board_figures(LINES, today=30, failing={"BPBD": 2, "PLN": 1}, taxonomy=default_taxonomy())


def test_open_emergencies_are_all_that_nobody_has_finished() -> None:
    """Routed, undecided, triaged and started emergencies are open; unacknowledged ones are unconfirmed."""
    assert (FIGURES.open_emergencies, FIGURES.unconfirmed_emergencies) == (8, 6)


def test_triage_and_unconfirmed_are_told_apart() -> None:
    """Reports in triage are not counted as unconfirmed by a department."""
    assert (FIGURES.in_triage, FIGURES.unconfirmed) == (2, 4)


def test_history_is_in_the_total_only() -> None:
    """Backfilled reports are in the total, but are no open work."""
    assert (FIGURES.live, FIGURES.history, FIGURES.total) == (30, 376, 406)
    assert (FIGURES.in_progress, FIGURES.done, FIGURES.ended) == (6, 1, 17)


def test_each_department_has_a_row_that_sums() -> None:
    """Departments are sorted by work, and one with only a failing delivery has a row too."""
    rows = {row.code: row for row in FIGURES.departments}
    assert [row.code for row in FIGURES.departments][:3] == ["BPBD", "DISHUB", "LIVEROOM"]
    bpbd = rows["BPBD"]
    assert (bpbd.incoming, bpbd.waiting, bpbd.in_progress, bpbd.done) == (6, 3, 2, 1)
    assert (bpbd.unconfirmed, bpbd.failing, bpbd.history) == (3, 2, 376)
    assert (rows["PLN"].incoming, rows["PLN"].failing) == (0, 1)
    assert "NONE" not in rows


def test_the_difference_shows_until_all_is_decided() -> None:
    """One emergency without a decision gives its lane a difference of 1."""
    assert FIGURES.accounts[Lane.EMERGENCY].difference == 1
    assert FIGURES.accounts[Lane.ROUTINE].difference == 0
    assert not FIGURES.is_conserved
