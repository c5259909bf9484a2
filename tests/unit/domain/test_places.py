from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.places import EAST, NORTH, SOUTH, WEST, kecamatan_code, locate_fault
from shared.domain.taxonomy import default_taxonomy

ANY_FLOAT = st.floats()


@given(st.floats(SOUTH, NORTH), st.floats(WEST, EAST))
def test_a_place_in_the_city_has_no_fault_and_swapped_is_named_so(latitude: float, longitude: float) -> None:
    """Every pair inside the box is valid, and a swapped pair is recognised."""
    assert locate_fault(latitude, longitude) is None
    assert locate_fault(longitude, latitude) == "swapped"


@pytest.mark.parametrize(
    ("latitude", "longitude", "fault"),
    [
        (nan, 106.63, "not_finite"),
        (-6.17, inf, "not_finite"),
        (-inf, nan, "not_finite"),
        (500.0, 106.63, "out_of_range"),
        (-6.17, 181.0, "out_of_range"),
        (0.0, 0.0, "outside_city"),
        (-6.1754, 106.8272, "outside_city"),  # Monas, Jakarta
        (-6.9175, 107.6191, "outside_city"),  # Bandung
    ],
)
def test_each_impossible_place_has_its_code(latitude: float, longitude: float, fault: str) -> None:
    """The first fault of a place has a stable code."""
    assert locate_fault(latitude, longitude) == fault


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(-6.1702, 106.6403), (-6.1256, 106.6559), (-6.2371, 106.7290), (-6.1950, 106.5850)],
)
def test_known_places_of_the_city_are_inside(latitude: float, longitude: float) -> None:
    """The city hall, the airport, Larangan and Jatiuwung are inside the box."""
    assert locate_fault(latitude, longitude) is None


@given(ANY_FLOAT, ANY_FLOAT)
def test_every_pair_of_floats_has_an_answer(latitude: float, longitude: float) -> None:
    """Every pair of floats gets one of five results."""
    assert locate_fault(latitude, longitude) in {None, "not_finite", "swapped", "out_of_range", "outside_city"}


@pytest.mark.parametrize(
    "text", ["KARANG_TENGAH", "Karang Tengah", " karang  tengah ", "KarangTengah", "Kec. Karang Tengah"]
)
def test_a_kecamatan_is_known_by_name_or_code(text: str) -> None:
    """Case, spaces and the word kecamatan do not matter."""
    assert kecamatan_code(text) == "KARANG_TENGAH"


@pytest.mark.parametrize("text", [None, "", "  ", "kecamatan", "Serpong", "Tangerang Selatan", "' OR 1=1"])
def test_an_unknown_kecamatan_is_none(text: str | None) -> None:
    """Names of neighbouring cities and arbitrary text are unknown."""
    assert kecamatan_code(text) is None


def test_every_name_and_code_of_the_file_is_known() -> None:
    """All 13 are found by name and by code."""
    for item in default_taxonomy().kecamatan.values():
        assert kecamatan_code(item.name) == kecamatan_code(item.code) == item.code
