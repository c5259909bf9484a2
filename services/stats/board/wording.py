"""Formats times, spans and numbers as written in Indonesia. Pure."""

from datetime import datetime, timedelta

from services.stats.windows import day_of, local_time

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")


def number(value: int) -> str:
    """A whole number with points between thousands: 14.012."""
    return f"{value:,}".replace(",", ".")


def moment(value: datetime) -> str:
    """A moment with its date, in WIB: 20 Nov 2026 10.00.05."""
    local = local_time(value)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year} {local:%H.%M.%S}"


def short_moment(value: datetime, now: datetime) -> str:
    """The time of day; with the date if it is not today."""
    local = local_time(value)
    if day_of(value) == day_of(now):
        return f"{local:%H.%M.%S}"
    year = "" if local.year == local_time(now).year else f" {local.year}"
    return f"{local.day} {_MONTHS[local.month - 1]}{year} {local:%H.%M}"


def span(since: datetime, now: datetime) -> str:
    """A time span in its largest unit."""
    passed = max(now - since, timedelta(0))
    if passed < timedelta(minutes=1):
        return "baru saja"
    if passed < timedelta(hours=1):
        return f"{passed // timedelta(minutes=1)} mnt"
    if passed < timedelta(days=1):
        return f"{passed // timedelta(hours=1)} jam"
    return f"{passed.days} hari"


def month_name(text: str) -> str:
    """``2024-01`` as Jan 2024."""
    year, month = text.split("-")
    return f"{_MONTHS[int(month) - 1]} {year}"
