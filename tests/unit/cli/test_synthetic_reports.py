import csv
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.reference.synthetic_reports import ReferenceRequest, backfill_calls_2024, mixed_day
from shared.domain.lanes import Channel
from shared.domain.places import kecamatan_code, locate_fault
from shared.domain.published import ALL_SETS, CALLS_112_TANGERANG_2024, LAKSA_2025
from shared.domain.taxonomy import default_taxonomy
from shared.domain.texts import has_controls

JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 24, 4, 30, tzinfo=UTC)
FIGURES = Path(__file__).parents[2] / "data" / "published_figures.csv"
SEEDS = st.integers(0, 10_000)
REPORT_FIELDS = {"category", "text", "place", "reporter", "source_reference", "occurred_at", "mode"}
CALL_FIELDS = (REPORT_FIELDS - {"reporter"}) | {
    *("call_type", "caller", "call_started_at", "call_ended_at", "operator"),
}
TIME_FIELDS = {"occurred_at", "call_started_at", "call_ended_at"}


def totals(requests: list[ReferenceRequest]) -> Counter[str]:
    """The number of requests per roll-up."""
    categories = default_taxonomy().categories
    return Counter(categories[request.body["category"]].rollup.key for request in requests)


@given(SEEDS)
def test_the_backfill_has_the_published_totals_whatever_the_seed(seed: int) -> None:
    """For every seed the 376 calls are AGD 122, animals 67, fallen trees 30, fire 29, other 128."""
    requests = backfill_calls_2024(seed)
    assert len(requests) == 376
    assert totals(requests) == {"agd": 122, "animals": 67, "fallen_trees": 30, "fire": 29, "other": 128}
    assert len({request.body["source_reference"] for request in requests}) == 376


def test_the_backfill_is_normal_112_calls_of_the_past() -> None:
    """Every request of the backfill is a normal 112 call with the mode backfill and the fields of a call."""
    for request in backfill_calls_2024():
        assert (request.channel, request.kind) == (Channel.CALL_112, "call")
        assert (request.body["mode"], request.body["call_type"]) == ("backfill", "normal")
        assert set(request.body) == CALL_FIELDS


def test_the_backfill_fills_its_months_to_the_edges() -> None:
    """The first call is in the first minute of 2024 in Jakarta (2023 in UTC), the last in the last minute of July."""
    moments = [datetime.fromisoformat(request.body["occurred_at"]) for request in backfill_calls_2024()]
    assert moments == sorted(moments)
    assert moments[0].astimezone(JAKARTA).isoformat(timespec="minutes") == "2024-01-01T00:00+07:00"
    assert moments[0].astimezone(UTC).year == 2023
    assert moments[-1].astimezone(JAKARTA).isoformat(timespec="minutes") == "2024-07-31T23:59+07:00"
    assert {moment.astimezone(JAKARTA).month for moment in moments} == set(range(1, 8))


def test_the_backfill_happens_in_all_thirteen_kecamatan() -> None:
    """The backfill has calls in all thirteen sub-districts."""
    assert {request.body["place"]["kecamatan"] for request in backfill_calls_2024()} == set(
        default_taxonomy().kecamatan
    )


@given(SEEDS)
def test_the_mixed_day_has_every_category_and_every_channel(seed: int) -> None:
    """The mixed day has all 36 categories, all six channels, and 60 to 80 requests with distinct references."""
    requests = mixed_day(NOW, seed)
    live = {request.body["category"] for request in requests if request.body["mode"] == "live"}
    assert live >= set(default_taxonomy().categories)
    assert {request.channel for request in requests} == set(Channel)
    assert 60 <= len(requests) <= 80
    assert len({request.body["source_reference"] for request in requests}) == len(requests)


def test_the_mixed_day_has_what_else_comes_in() -> None:
    """The mixed day has all other call types, unknown and missing categories, and exactly one exercise."""
    requests = mixed_day(NOW)
    calls = Counter(request.body["call_type"] for request in requests if request.kind == "call")
    assert set(calls) == {"normal", "information", "prank", "ghost", "dropped"}
    assert Counter(request.body["mode"] for request in requests)["exercise"] == 1
    normal = [request.body["category"] for request in requests if request.body.get("call_type", "normal") == "normal"]
    assert None in normal
    assert [code for code in normal if code and default_taxonomy().category(code) is None]


def test_calls_come_by_112_and_reports_by_all_other_channels() -> None:
    """Each request has exactly the fields of a call or of a report; only the times are optional."""
    for request in mixed_day(NOW):
        assert (request.kind == "call") == (request.channel is Channel.CALL_112)
        fields = CALL_FIELDS if request.kind == "call" else REPORT_FIELDS
        assert set(request.body) in (fields, fields - TIME_FIELDS)


def test_most_of_the_mixed_day_counts_when_it_comes_in() -> None:
    """Three of four requests have no time and count today; the others occurred on the day before."""
    timed = [request for request in mixed_day(NOW) if "occurred_at" in request.body]
    assert len(timed) == len(mixed_day(NOW)) // 4


@given(SEEDS, st.integers(0, 86_399))
def test_sending_the_day_again_sends_the_same(seed: int, second: int) -> None:
    """At every moment of the same day in Jakarta, the mixed day is equal byte for byte."""
    midnight = datetime(2026, 11, 24, tzinfo=JAKARTA)
    assert json.dumps([request.body for request in mixed_day(midnight, seed)]) == json.dumps(
        [request.body for request in mixed_day(midnight + timedelta(seconds=second), seed)]
    )


def test_another_day_or_seed_never_reuses_a_reference() -> None:
    """Another day or seed gives other references, so that none has two bodies."""
    seen: dict[str, set[str]] = defaultdict(set)
    for requests in (
        mixed_day(NOW),
        mixed_day(NOW + timedelta(days=1)),
        mixed_day(NOW, seed=7),
        backfill_calls_2024(),
        backfill_calls_2024(seed=7),
    ):
        for request in requests:
            seen[f"{request.channel}/{request.body['source_reference']}"].add(json.dumps(request.body))
    assert {len(bodies) for bodies in seen.values()} == {1}


@given(st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # UTC by timezones
def test_intake_will_take_the_times(now: datetime) -> None:
    """No time of the mixed day is in the future or older than 30 days, so that intake accepts it."""
    for request in mixed_day(now):
        moment = datetime.fromisoformat(request.body.get("occurred_at", "2024-01-01T00:00:00+07:00"))
        assert "occurred_at" not in request.body or now - timedelta(days=30) < moment < now


def test_a_naive_now_is_refused() -> None:
    """A naive time is refused, because the day depends on the zone."""
    with pytest.raises(ValueError, match="aware"):
        mixed_day(datetime(2026, 11, 24))  # noqa: DTZ001  # naive on purpose


def test_the_bodies_are_clean() -> None:
    """Places are in the city, texts have no control characters, and phone numbers have an unused prefix."""
    for request in (*backfill_calls_2024(), *mixed_day(NOW)):
        body = request.body
        assert locate_fault(body["place"]["latitude"], body["place"]["longitude"]) is None
        assert kecamatan_code(body["place"]["kecamatan"]) is not None
        assert body["text"]
        assert not has_controls(body["text"])
        assert (body.get("caller") or body["reporter"])["phone"].startswith("+62860")
        assert json.loads(json.dumps(body)) == body


def test_the_constants_are_the_published_figures() -> None:
    """The constants equal the golden file, which was typed from the domain document."""
    golden: dict[str, dict[str, int]] = defaultdict(dict)
    with FIGURES.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            golden[row["set"]][row["key"]] = int(row["count"])
    assert [{"total": published.total, **published.parts} for published in ALL_SETS] == list(golden.values())


def test_all_sets_sum_but_the_one_that_is_known_not_to() -> None:
    """The parts of each set sum to its total, except LAKSA 2025, which was published that way."""
    assert [published for published in ALL_SETS if not published.sums] == [LAKSA_2025]
    assert CALLS_112_TANGERANG_2024.total == 376
