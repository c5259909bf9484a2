"""The reference data that ``make run`` sends: synthetic, seeded reports. Only the totals of the 112 set are real.

The individual calls behind the published table are not public. These have the published totals per roll-up, invented
people whose phone numbers have a prefix that no operator uses, and places inside the city.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from services.cli.reference.synthetic_places import PLACES
from services.cli.reference.synthetic_texts import CALL_TEXTS, NAMES, STREETS, TEXTS
from shared.domain.lanes import CallType, Channel, Mode
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.domain.taxonomy import Category, Priority, Rollup, default_taxonomy

JAKARTA = ZoneInfo("Asia/Jakarta")
SEED = 112
FIRST_MOMENT = datetime(2024, 1, 1, 0, 0, 30, tzinfo=JAKARTA)  # still 2023 in UTC
LAST_MOMENT = datetime(2024, 7, 31, 23, 59, 30, tzinfo=JAKARTA)
ONE_DAY = timedelta(days=1)
SPREAD = 0.008  # degrees round a kecamatan's middle, about 900 m
UNKNOWN_CATEGORY = "XXX-BELUM-ADA"

EXTRA_CALLS = {CallType.PRANK: 8, CallType.GHOST: 5, CallType.INFORMATION: 4, CallType.DROPPED: 2}
# Besides one report of each category: an emergency from an app, a P2 that is routine there, a P3 by 112
EXTRA_REPORTS = (
    (Channel.LAKSA, "FIR-KEBAKARAN"),
    (Channel.WHATSAPP, "TRA-LAKA"),
    (Channel.SOCIAL, "DIS-BANJIR"),
    (Channel.LAKSA, "INF-PJU"),
    (Channel.LAKSA, "INF-JALAN"),
    (Channel.WEB, "ENV-SAMPAH"),
    (Channel.CALL_CENTER, "DIS-POHON"),
    (Channel.CALL_112, "ANI-LIAR"),
    (Channel.CALL_112, "INF-PJU"),
)
# Reports without a category or with an unknown one, which go to the Live Room
ODD_REPORTS = (
    (Channel.LAKSA, None),
    (Channel.WHATSAPP, None),
    (Channel.SOCIAL, None),
    (Channel.CALL_112, None),
    (Channel.WEB, UNKNOWN_CATEGORY),
    (Channel.CALL_112, UNKNOWN_CATEGORY),
)


@dataclass(frozen=True, slots=True)
class ReferenceRequest:
    """One request to intake: a report for ``/v1/reports`` or a call for ``/v1/calls``."""

    channel: Channel
    kind: Literal["report", "call"]
    body: dict[str, Any]


def backfill_calls_2024(seed: int = SEED) -> list[ReferenceRequest]:
    """The 376 calls to 112 of January-July 2024, as backfill, with the published totals per roll-up.

    They are in order of time; the first and the last are half a minute from the period's edges in Jakarta. The same
    seed always gives the same requests.
    """
    rng = random.Random(seed)  # noqa: S311  # repeatable, not secret
    categories = [
        rng.choice(_called_about(rollup))
        for rollup in Rollup
        for _ in range(CALLS_112_TANGERANG_2024.parts[rollup.key])
    ]
    rng.shuffle(categories)
    span = int((LAST_MOMENT - FIRST_MOMENT).total_seconds())
    moments = sorted(FIRST_MOMENT + timedelta(seconds=rng.randrange(span)) for _ in categories)
    moments[0], moments[-1] = FIRST_MOMENT, LAST_MOMENT
    return [
        _request(rng, Channel.CALL_112, category.code, moment, f"2024-{seed}-{number:04d}", mode=Mode.BACKFILL)
        for number, (category, moment) in enumerate(zip(categories, moments, strict=True), start=1)
    ]


def mixed_day(now: datetime, seed: int = SEED) -> list[ReferenceRequest]:
    """A day's live reports: all 36 categories, all six channels, and odd ones.

    The odd ones are calls that end at the router (prank, ghost, information), dropped calls, reports without a category
    or with an unknown one, and one exercise. The same seed on the same day gives the same requests; another day gives
    other references, so that no reference has two bodies. A caller that may be interrupted must keep ``now`` for the
    next try. Every fourth report happened on the day before; the others have no time and count when they arrive.

    Raises:
        ValueError: ``now`` is naive.
    """
    if now.utcoffset() is None:
        raise ValueError("The reference day needs an aware datetime")
    rng = random.Random(seed)  # noqa: S311  # repeatable, not secret
    midnight = datetime.combine(now.astimezone(JAKARTA).date(), time(), JAKARTA)
    plans = [*_planned_reports(), *_planned_calls()]
    rng.shuffle(plans)
    return [
        _request(
            rng,
            plan.channel,
            plan.category,
            midnight - timedelta(seconds=rng.randrange(1, int(ONE_DAY.total_seconds()))) if number % 4 == 0 else None,
            f"{midnight.date().isoformat()}-{seed}-{number:03d}",
            call_type=plan.call_type,
            mode=plan.mode,
        )
        for number, plan in enumerate(plans, start=1)
    ]


@dataclass(frozen=True, slots=True)
class _Plan:
    channel: Channel
    category: str | None
    call_type: CallType = CallType.NORMAL
    mode: Mode = Mode.LIVE


def _planned_reports() -> Iterator[_Plan]:
    others = [channel for channel in Channel if channel is not Channel.CALL_112]
    for number, category in enumerate(default_taxonomy().categories.values()):
        urgent = category.priority in (Priority.P1, Priority.P2)
        yield _Plan(Channel.CALL_112 if urgent else others[number % len(others)], category.code)
    for channel, code in (*EXTRA_REPORTS, *ODD_REPORTS):
        yield _Plan(channel, code)


def _planned_calls() -> Iterator[_Plan]:
    for call_type, count in EXTRA_CALLS.items():
        for _ in range(count):
            yield _Plan(Channel.CALL_112, None, call_type)
    yield _Plan(Channel.CALL_112, "FIR-KEBAKARAN", mode=Mode.EXERCISE)


def _request(
    rng: random.Random,
    channel: Channel,
    category: str | None,
    moment: datetime | None,
    reference: str,
    *,
    call_type: CallType = CallType.NORMAL,
    mode: Mode = Mode.LIVE,
) -> ReferenceRequest:
    body: dict[str, Any] = {
        "category": category,
        "text": _text(rng, category, call_type, mode),
        "place": _place(rng),
        "source_reference": reference,
        "mode": mode.value,
    }
    if moment is not None:
        body["occurred_at"] = moment.isoformat()
    if channel is not Channel.CALL_112:
        return ReferenceRequest(channel, "report", {**body, "reporter": _person(rng)})
    return ReferenceRequest(channel, "call", {**body, **_call(rng, moment, call_type)})


def _call(rng: random.Random, moment: datetime | None, call_type: CallType) -> dict[str, Any]:
    call = {"call_type": call_type.value, "caller": _person(rng), "operator": f"op-{rng.randrange(1, 9)}"}
    if moment is None:
        return call
    ended_at = moment + timedelta(seconds=rng.randrange(20, 240))
    return {**call, "call_started_at": moment.isoformat(), "call_ended_at": ended_at.isoformat()}


def _text(rng: random.Random, category: str | None, call_type: CallType, mode: Mode) -> str:
    if call_type in CALL_TEXTS:
        return rng.choice(CALL_TEXTS[call_type])
    text = f"{rng.choice(TEXTS.get(category, TEXTS[None]))} {rng.choice(STREETS)}"
    return f"LATIHAN: {text}" if mode is Mode.EXERCISE else text


def _place(rng: random.Random) -> dict[str, Any]:
    place = rng.choice(PLACES)
    return {
        "latitude": round(place.latitude + rng.uniform(-SPREAD, SPREAD), 5),
        "longitude": round(place.longitude + rng.uniform(-SPREAD, SPREAD), 5),
        "kecamatan": place.kecamatan,
        "kelurahan": rng.choice(place.kelurahan),
        "landmark": rng.choice(STREETS),
    }


def _person(rng: random.Random) -> dict[str, str]:
    return {"name": rng.choice(NAMES), "phone": f"+62860{rng.randrange(10**7, 10**8)}"}


def _called_about(rollup: Rollup) -> list[Category]:
    """The categories of a roll-up that people call 112 for: all but P4, which is paperwork."""
    return [
        category
        for category in default_taxonomy().categories.values()
        if category.rollup is rollup and category.priority is not Priority.P4
    ]
