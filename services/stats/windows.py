"""Days and months as the city counts them: in Asia/Jakarta, the end of a window included. Pure."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

JAKARTA = ZoneInfo("Asia/Jakarta")


@dataclass(frozen=True, slots=True)
class Window:
    """The days from ``first`` to ``last``, both included; None leaves that side open.

    Raises:
        ValueError: it ends before it begins.
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
    """An aware moment as Jakarta's clocks show it."""
    return moment.astimezone(JAKARTA)


def first_day(text: str) -> date:
    """The first day that ``YYYY-MM`` or ``YYYY-MM-DD`` names.

    Raises:
        ValueError: neither of the two, or no such day.
    """
    return date.fromisoformat(text) if _is_day(text) else date.fromisoformat(f"{text}-01")


def last_day(text: str) -> date:
    """The last day that ``YYYY-MM`` or ``YYYY-MM-DD`` names; errors as `first_day`."""
    start = first_day(text)
    return start if _is_day(text) else start.replace(day=calendar.monthrange(start.year, start.month)[1])


def window_of(first: str | None, last: str | None) -> Window:
    """The window from the beginning of ``first`` to the end of ``last``, each a month or a day.

    Raises:
        ValueError: one of them is no month and no day, or the window ends before it begins.
    """
    return Window(first_day(first) if first else None, last_day(last) if last else None)


def month_of(day: date) -> str:
    """The month of a day as ``YYYY-MM``."""
    return f"{day:%Y-%m}"


def _is_day(text: str) -> bool:
    return len(text) == len("YYYY-MM-DD")
