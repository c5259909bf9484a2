"""Days and months in Jakarta."""

from datetime import UTC, date, datetime

import pytest

from services.stats.windows import Window, day_of, first_day, last_day, month_of, window_of


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2023, 12, 31, 16, 59, 59, tzinfo=UTC), date(2023, 12, 31)),
        (datetime(2023, 12, 31, 17, 0, 0, tzinfo=UTC), date(2024, 1, 1)),
        (datetime(2024, 7, 31, 16, 59, 59, 999_999, tzinfo=UTC), date(2024, 7, 31)),
        (datetime(2024, 7, 31, 17, 0, 0, tzinfo=UTC), date(2024, 8, 1)),
        (datetime(2024, 2, 28, 17, 0, 0, tzinfo=UTC), date(2024, 2, 29)),
    ],
)
def test_a_day_begins_at_midnight_in_jakarta(moment: datetime, day: date) -> None:
    """Days begin at midnight in Jakarta (UTC+7), also at the edges of months, years and February."""
    assert day_of(moment) == day


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024-01", date(2024, 1, 1), date(2024, 1, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023-02", date(2023, 2, 1), date(2023, 2, 28)),
        ("2024-12", date(2024, 12, 1), date(2024, 12, 31)),
        ("2024-07-31", date(2024, 7, 31), date(2024, 7, 31)),
    ],
)
def test_a_month_runs_to_its_last_day(text: str, first: date, last: date) -> None:
    """A month includes its last day, also in leap years."""
    assert (first_day(text), last_day(text)) == (first, last)


def test_a_window_may_be_open_but_not_backwards() -> None:
    """A missing bound leaves a side open; a window that ends before it begins is refused."""
    assert window_of(None, None) == Window()
    assert window_of("2024-01", "2024-07") == Window(date(2024, 1, 1), date(2024, 7, 31))
    assert window_of("2024-07-05", "2024-07-05").first == date(2024, 7, 5)
    with pytest.raises(ValueError, match="before"):
        window_of("2024-07", "2024-06")


@pytest.mark.parametrize("text", ["2024", "2024-13", "2024-02-30", "juli"])
def test_what_is_no_month_and_no_day_is_refused(text: str) -> None:
    """Text that is neither a month nor a day is refused."""
    with pytest.raises(ValueError, match=r".+"):
        first_day(text)


def test_a_day_knows_its_month() -> None:
    """The month of a day has the format of the period form."""
    assert month_of(date(2026, 11, 3)) == "2026-11"
