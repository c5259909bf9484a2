from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.clocks import (
    ClockPolicy,
    Elapsed,
    WorkingDays,
    WorkingTime,
    acknowledge_by,
    is_working_day,
    resolve_by,
)
from shared.domain.taxonomy import Priority

JAKARTA = ZoneInfo("Asia/Jakarta")
P1, P2, P3, P4 = Priority
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # UTC by timezones
PRIORITIES = st.sampled_from(Priority)
OFFICE_CLOCKS = st.sampled_from([P3, P4])


def jakarta(text: str) -> datetime:
    """A wall-clock time of the city."""
    return datetime.fromisoformat(text).replace(tzinfo=JAKARTA)


# Times of the city. 2026-11-24 is a Tuesday; 2026-05-01 (a Friday) and 2024-04-10/11 (Eid, Wed and Thu) are holidays.
@pytest.mark.parametrize(
    ("priority", "received", "acknowledge", "resolve"),
    [
        (P1, "2026-11-28T23:59:30", "2026-11-29T00:00:30", "2026-11-29T03:59:30"),
        (P2, "2026-12-25T00:00:00", "2026-12-25T00:15:00", "2026-12-26T00:00:00"),
        (P3, "2026-11-24T08:00:00", "2026-11-24T14:00:00", "2026-12-02T16:00:00"),
        (P3, "2026-11-24T10:00:00", "2026-11-24T16:00:00", "2026-12-03T10:00:00"),
        (P3, "2026-11-24T15:59:59", "2026-11-25T13:59:59", "2026-12-03T15:59:59"),
        (P3, "2026-11-24T16:00:00", "2026-11-25T14:00:00", "2026-12-03T16:00:00"),
        (P3, "2026-11-24T03:00:00", "2026-11-24T14:00:00", "2026-12-02T16:00:00"),
        (P3, "2026-11-27T15:00:00", "2026-11-30T13:00:00", "2026-12-08T15:00:00"),
        (P3, "2026-11-28T12:00:00", "2026-11-30T14:00:00", "2026-12-08T16:00:00"),
        (P3, "2026-04-30T15:00:00", "2026-05-04T13:00:00", "2026-05-12T15:00:00"),
        (P3, "2024-04-09T15:00:00", "2024-04-12T13:00:00", "2024-04-22T15:00:00"),
        (P4, "2026-11-24T09:00:00", "2026-12-01T16:00:00", "2026-12-14T16:00:00"),
        (P4, "2026-11-24T23:00:00", "2026-12-01T16:00:00", "2026-12-14T16:00:00"),
        (P4, "2026-11-28T09:00:00", "2026-12-04T16:00:00", "2026-12-17T16:00:00"),
        (P4, "2026-04-30T09:00:00", "2026-05-08T16:00:00", "2026-05-22T16:00:00"),
    ],
)
def test_the_clocks_of_the_table(priority: Priority, received: str, acknowledge: str, resolve: str) -> None:
    """Each priority has the deadlines of the table, also over weekends and holidays."""
    assert acknowledge_by(priority, jakarta(received)) == jakarta(acknowledge)
    assert resolve_by(priority, jakarta(received)) == jakarta(resolve)


@given(PRIORITIES, MOMENTS, MOMENTS)
def test_who_comes_later_is_never_due_earlier(priority: Priority, one: datetime, other: datetime) -> None:
    """The clocks are monotonic."""
    first, second = sorted((one, other))
    assert acknowledge_by(priority, first) <= acknowledge_by(priority, second)
    assert resolve_by(priority, first) <= resolve_by(priority, second)


@given(PRIORITIES, MOMENTS)
def test_a_report_is_due_after_it_came_and_resolved_after_acknowledged(priority: Priority, moment: datetime) -> None:
    """A new report is never overdue."""
    assert moment < acknowledge_by(priority, moment) < resolve_by(priority, moment)


@given(OFFICE_CLOCKS, MOMENTS)
def test_office_clocks_end_while_offices_are_open(priority: Priority, moment: datetime) -> None:
    """P3 and P4 are due on a working day, between opening and closing."""
    for due in (acknowledge_by(priority, moment), resolve_by(priority, moment)):
        local = due.astimezone(JAKARTA)
        assert is_working_day(local.date())
        assert time(8) <= local.time() <= time(16)


@given(MOMENTS)
def test_exactly_six_office_hours_lie_between_a_p3_report_and_its_deadline(moment: datetime) -> None:
    """An independent count, minute by minute, gives exactly the allowance."""
    moment = moment.replace(second=0, microsecond=0)
    due = acknowledge_by(P3, moment)
    minutes = int((due - moment) / timedelta(minutes=1))
    assert sum(_is_open(moment + timedelta(minutes=count)) for count in range(minutes)) == 6 * 60


def _is_open(moment: datetime) -> bool:
    local = moment.astimezone(JAKARTA)
    return is_working_day(local.date()) and 8 <= local.hour < 16


@given(PRIORITIES, MOMENTS)
def test_the_zone_of_the_clock_that_was_read_does_not_matter(priority: Priority, moment: datetime) -> None:
    """The same moment has the same deadline, which is given in UTC."""
    due = acknowledge_by(priority, moment.astimezone(ZoneInfo("Asia/Jayapura")))
    assert due == acknowledge_by(priority, moment)
    assert due.tzinfo is UTC


@pytest.mark.parametrize("priority", list(Priority))
def test_a_naive_time_is_refused(priority: Priority) -> None:
    """A time without its zone could be seven hours off."""
    with pytest.raises(ValueError, match="aware"):
        acknowledge_by(priority, datetime(2026, 11, 24, 8))  # noqa: DTZ001  # naive on purpose
    with pytest.raises(ValueError, match="aware"):
        resolve_by(priority, datetime(2026, 11, 24, 8))  # noqa: DTZ001  # naive on purpose


@pytest.mark.parametrize("text", ["2026-12-25", "2026-05-01", "2024-02-14", "2026-11-28", "2026-11-29"])
def test_holidays_and_weekends_are_no_working_days(text: str) -> None:
    """Christmas, Labour Day, an election day, Saturday, Sunday."""
    assert not is_working_day(date.fromisoformat(text))


def test_the_policy_is_configuration() -> None:
    """Other allowances and other office hours give other deadlines."""
    policy = ClockPolicy(
        acknowledge={P1: Elapsed(timedelta(seconds=30)), P3: WorkingTime(timedelta(hours=1)), P4: WorkingDays(1)},
        opens=time(7),
        closes=time(15),
    )
    evening = jakarta("2026-11-24T20:00:00")
    assert acknowledge_by(P1, evening, policy) == jakarta("2026-11-24T20:00:30")
    assert acknowledge_by(P3, evening, policy) == jakarta("2026-11-25T08:00:00")
    assert acknowledge_by(P4, evening, policy) == jakarta("2026-11-25T15:00:00")


def test_an_allowance_of_nothing_is_due_when_offices_open_next() -> None:
    """A zero allowance still gives a deadline within office hours."""
    policy = ClockPolicy(acknowledge={P3: WorkingTime(timedelta(0))})
    assert acknowledge_by(P3, jakarta("2026-11-24T20:00:00"), policy) == jakarta("2026-11-25T08:00:00")


def test_offices_that_never_open_are_refused() -> None:
    """Such a policy would search for a working hour without end."""
    with pytest.raises(ValueError, match="open before they close"):
        ClockPolicy(opens=time(16), closes=time(8))
