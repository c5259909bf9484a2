"""By when a report must be acknowledged and resolved.

Source: ``docs/domain.md``, Clocks. All clocks run from ``received_at``, the server's clock. Working time is Monday to
Friday 08:00-16:00 in Jakarta without Indonesia's public holidays; collective leave (cuti bersama) is working time,
because it is decided year by year and departments stay on duty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import holidays

from shared.domain.taxonomy import Priority

CITY_ZONE = "Asia/Jakarta"
SATURDAY = 5  # of date.weekday()
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Elapsed:
    """A duration that counts around the clock."""

    span: timedelta


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """A duration that counts only during office hours."""

    span: timedelta


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Until the end of office hours on the n-th working day after the day of receipt."""

    days: int


Allowance = Elapsed | WorkingTime | WorkingDays

_ACKNOWLEDGE: Mapping[Priority, Allowance] = MappingProxyType(
    {
        Priority.P1: Elapsed(timedelta(seconds=60)),
        Priority.P2: Elapsed(timedelta(minutes=15)),
        Priority.P3: WorkingTime(timedelta(hours=6)),
        Priority.P4: WorkingDays(5),
    }
)
_RESOLVE: Mapping[Priority, Allowance] = MappingProxyType(
    {
        Priority.P1: Elapsed(timedelta(hours=4)),
        Priority.P2: Elapsed(timedelta(hours=24)),
        Priority.P3: WorkingTime(timedelta(hours=56)),  # the table's 7 days, of eight office hours each
        Priority.P4: WorkingDays(14),
    }
)


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """The allowances per priority and the office hours (local times of ``zone``, ``opens`` before ``closes``).

    Raises:
        ValueError: ``closes`` is not after ``opens``.
    """

    acknowledge: Mapping[Priority, Allowance] = field(default_factory=lambda: _ACKNOWLEDGE)
    resolve: Mapping[Priority, Allowance] = field(default_factory=lambda: _RESOLVE)
    opens: time = time(8)
    closes: time = time(16)
    zone: str = CITY_ZONE

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise ValueError("Offices must open before they close")


DEFAULT_POLICY = ClockPolicy()


def acknowledge_by(priority: Priority, received_at: datetime, policy: ClockPolicy = DEFAULT_POLICY) -> datetime:
    """The moment (UTC) by which a department must have acknowledged a report.

    Raises:
        ValueError: ``received_at`` is naive.
    """
    return _due(policy.acknowledge[priority], received_at, policy)


def resolve_by(priority: Priority, received_at: datetime, policy: ClockPolicy = DEFAULT_POLICY) -> datetime:
    """The moment (UTC) by which a report must be resolved.

    Raises:
        ValueError: ``received_at`` is naive.
    """
    return _due(policy.resolve[priority], received_at, policy)


def is_working_day(day: date) -> bool:
    """True from Monday to Friday, except on public holidays of Indonesia."""
    return day.weekday() < SATURDAY and day not in _holidays_of(day.year)


def _due(allowance: Allowance, received_at: datetime, policy: ClockPolicy) -> datetime:
    if received_at.utcoffset() is None:
        raise ValueError("A clock needs an aware datetime")
    if isinstance(allowance, Elapsed):
        return received_at.astimezone(UTC) + allowance.span
    local = received_at.astimezone(ZoneInfo(policy.zone))
    if isinstance(allowance, WorkingTime):
        return _after_working_time(local, allowance.span, policy).astimezone(UTC)
    return _after_working_days(local, allowance.days, policy).astimezone(UTC)


def _after_working_time(start: datetime, span: timedelta, policy: ClockPolicy) -> datetime:
    day, remaining = start.date(), span
    while True:
        if is_working_day(day):
            opening = max(start, datetime.combine(day, policy.opens, start.tzinfo))
            closing = datetime.combine(day, policy.closes, start.tzinfo)
            available = max(closing - opening, timedelta(0))
            if remaining <= available and opening < closing:
                return opening + remaining
            remaining -= available
        day += ONE_DAY


def _after_working_days(start: datetime, days: int, policy: ClockPolicy) -> datetime:
    day = start.date()
    for _ in range(days):
        day += ONE_DAY
        while not is_working_day(day):
            day += ONE_DAY
    return datetime.combine(day, policy.closes, start.tzinfo)


@lru_cache(maxsize=64)
def _holidays_of(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("ID", years=year))
