"""Days and months in Asia/Jakarta; windows include their last day. Pure."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

JAKARTA = ZoneInfo("Asia/Jakarta")


@dataclass(frozen=True, slots=True)
class Window:
    """The days from ``first`` to ``last``, both inclusive; None leaves that side open.

    Raises:
        ValueError: the window ends before it begins.
    """

    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError("A window must not end before it begins")


def day_of(moment: datetime) -> date:
    """The day in Jakarta on which an aware moment falls."""
    return moment.astimezone(JAKARTA).date()


def local_time(moment: datetime) -> datetime:
    """Convert an aware moment to Jakarta time."""
    return moment.astimezone(JAKARTA)


def first_day(text: str) -> date:
    """The first day of ``YYYY-MM`` or ``YYYY-MM-DD``.

    Raises:
        ValueError: the text has neither form, or the date does not exist.
    """
    return date.fromisoformat(text) if _is_day(text) else date.fromisoformat(f"{text}-01")


def last_day(text: str) -> date:
    """The last day of ``YYYY-MM`` or ``YYYY-MM-DD``; errors as `first_day`."""
    start = first_day(text)
    return start if _is_day(text) else start.replace(day=calendar.monthrange(start.year, start.month)[1])


def window_of(first: str | None, last: str | None) -> Window:
    """The window from the beginning of ``first`` to the end of ``last``, each a month or a day.

    Raises:
        ValueError: a bound is neither a month nor a day, or the window ends before it begins.
    """
    return Window(first_day(first) if first else None, last_day(last) if last else None)


def month_of(day: date) -> str:
    """The month of a day as ``YYYY-MM``."""
    return f"{day:%Y-%m}"


def _is_day(text: str) -> bool:
    return len(text) == len("YYYY-MM-DD")
