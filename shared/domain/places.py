"""Checks whether a place lies in the city."""

import math
from functools import lru_cache

from shared.domain.taxonomy import default_taxonomy

# The bounding box of Kota Tangerang: from the south of Ciledug and Larangan to the coast side of Benda and the airport,
# from Jatiuwung to the Jakarta border. The city lies within 6.09-6.28 S and 106.55-106.78 E; 0.01 degrees (1.1 km) are
# added for inaccurate GPS. The box contains parts of neighbouring cities: it detects mistakes and does not define the
# border.
SOUTH, NORTH = -6.29, -6.08
WEST, EAST = 106.54, 106.79

MAX_LATITUDE = 90.0
MAX_LONGITUDE = 180.0


def locate_fault(latitude: float, longitude: float) -> str | None:
    """The fault of a pair of WGS 84 coordinates as a stable code; None for a place in the city.

    ``not_finite`` (NaN or infinity), ``swapped`` (in the city if latitude and longitude are exchanged),
    ``out_of_range`` (not on Earth), ``outside_city``.
    """
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        return "not_finite"
    if _in_city(latitude, longitude):
        return None
    if _in_city(longitude, latitude):
        return "swapped"
    if abs(latitude) > MAX_LATITUDE or abs(longitude) > MAX_LONGITUDE:
        return "out_of_range"
    return "outside_city"


def kecamatan_code(text: str | None) -> str | None:
    """The code of a kecamatan from its name or code, ignoring case and spacing; None if it is not in this city."""
    return None if text is None else _kecamatan_by_letters().get(_letters(text))


def _in_city(latitude: float, longitude: float) -> bool:
    return SOUTH <= latitude <= NORTH and WEST <= longitude <= EAST


def _letters(text: str) -> str:
    words = "".join(character if character.isalnum() else " " for character in text.casefold()).split()
    return "".join(words[1:] if words[:1] in (["kecamatan"], ["kec"]) else words)


@lru_cache(maxsize=1)
def _kecamatan_by_letters() -> dict[str, str]:
    return {
        _letters(text): item.code for item in default_taxonomy().kecamatan.values() for text in (item.code, item.name)
    }
