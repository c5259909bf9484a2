from itertools import product

import pytest

from shared.domain.lanes import CallType, Channel, Lane, Mode, lane_of
from shared.domain.taxonomy import Category, default_taxonomy

CATEGORIES = default_taxonomy().categories
P1, P2, P3, P4 = (CATEGORIES[code] for code in ("FIR-KEBAKARAN", "DIS-POHON", "INF-PJU", "GEN-ASPIRASI"))
OTHER_CHANNELS = [channel for channel in Channel if channel is not Channel.CALL_112]


def lane(
    channel: Channel, category: Category | None, call_type: CallType | None = None, mode: Mode = Mode.LIVE
) -> Lane:
    """The lane, with the defaults of a live report."""
    return lane_of(channel=channel, category=category, call_type=call_type, mode=mode)


@pytest.mark.parametrize("channel", list(Channel))
def test_p1_is_an_emergency_from_every_channel(channel: Channel) -> None:
    """A fire reported in the app is as urgent as one reported to 112."""
    assert lane(channel, P1) is Lane.EMERGENCY


def test_p2_is_an_emergency_from_112_only() -> None:
    """A fallen tree is an emergency from 112 and routine from any other channel."""
    assert lane(Channel.CALL_112, P2, CallType.NORMAL) is Lane.EMERGENCY
    assert {lane(channel, P2) for channel in OTHER_CHANNELS} == {Lane.ROUTINE}


@pytest.mark.parametrize("category", [P3, P4])
@pytest.mark.parametrize("channel", list(Channel))
def test_p3_and_p4_are_routine_from_every_channel(channel: Channel, category: Category) -> None:
    """A broken street lamp is routine, also from 112."""
    assert lane(channel, category, CallType.NORMAL) is Lane.ROUTINE


@pytest.mark.parametrize("call_type", [CallType.NORMAL, None])
def test_a_normal_112_call_without_known_category_is_an_emergency(call_type: CallType | None) -> None:
    """An unclassified call may be an emergency."""
    assert lane(Channel.CALL_112, None, call_type) is Lane.EMERGENCY
    assert {lane(channel, None) for channel in OTHER_CHANNELS} == {Lane.ROUTINE}


@pytest.mark.parametrize("category", [None, P1, P2, P3, P4])
def test_a_dropped_call_is_an_emergency_whatever_its_category(category: Category | None) -> None:
    """A dropped call must be called back."""
    assert lane(Channel.CALL_112, category, CallType.DROPPED) is Lane.EMERGENCY


@pytest.mark.parametrize("call_type", [CallType.PRANK, CallType.GHOST, CallType.INFORMATION])
@pytest.mark.parametrize("category", [None, P1, P3])
def test_calls_that_end_at_the_router_never_stand_before_an_emergency(
    category: Category | None, call_type: CallType
) -> None:
    """Prank calls take the routine lane."""
    assert lane(Channel.CALL_112, category, call_type) is Lane.ROUTINE


@pytest.mark.parametrize(
    ("channel", "category", "call_type"),
    list(product(Channel, [None, P1, P2, P3, P4], [None, *CallType])),
)
def test_backfill_is_always_routine_and_an_exercise_takes_the_real_lane(
    channel: Channel, category: Category | None, call_type: CallType | None
) -> None:
    """History is not urgent; an exercise must test the real path."""
    assert lane(channel, category, call_type, Mode.BACKFILL) is Lane.ROUTINE
    assert lane(channel, category, call_type, Mode.EXERCISE) is lane(channel, category, call_type, Mode.LIVE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prank", CallType.PRANK),
        (" Dropped ", CallType.DROPPED),
        ("GHOST", CallType.GHOST),
        ("nonsense", CallType.NORMAL),
        ("", CallType.NORMAL),
        (None, CallType.NORMAL),
    ],
)
def test_an_unknown_call_type_counts_as_normal(text: str | None, expected: CallType) -> None:
    """An unknown call type loses no call."""
    assert CallType.parse(text) is expected


def test_the_channels_are_the_six_of_the_domain() -> None:
    """Topic names and API keys use exactly these names."""
    assert {channel.value for channel in Channel} == {"laksa", "112", "whatsapp", "web", "social", "call_center"}
