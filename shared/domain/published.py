"""Published figures of 112 and LAKSA. Our counts must reproduce them.

Source: ``docs/domain.md``, Published figures; they were taken from the operators' own reports. Only these totals are
real: the single reports behind them are not public. The reference data that `laksa run` sends are synthetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """One published table: its source, its total, and its parts by key."""

    title: str
    source: str
    total: int
    parts: Mapping[str, int]

    @property
    def sums(self) -> bool:
        """True if the parts add up to the published total; some publications contradict themselves."""
        return sum(self.parts.values()) == self.total


# "other" is the published total less the named parts.
CALLS_112_TANGERANG_2024 = PublishedSet(
    title="112 Kota Tangerang, January-July 2024",
    source="Kota Tangerang, 112 calls served; the reference report of this system",
    total=376,
    parts=MappingProxyType({"agd": 122, "animals": 67, "fallen_trees": 30, "fire": 29, "other": 128}),
)
CALLS_112_SEMARANG_2025 = PublishedSet(
    title="112 Semarang, 2025 to 24 September",
    source="Kota Semarang, calls to 112",
    total=22_021,
    parts=MappingProxyType({"emergency": 9_576, "information": 3_949, "prank_and_ghost": 8_496}),
)
CALLS_112_PURWOREJO_2022_2024 = PublishedSet(
    title="112 Purworejo, 2022-2024",
    source="Kabupaten Purworejo, calls to 112",
    total=2_802,
    parts=MappingProxyType({"emergency": 30, "information": 455, "prank": 1_147, "ghost": 1_170}),
)
LAKSA_2024 = PublishedSet(
    title="LAKSA, 2024 to 20 December",
    source="Kota Tangerang, LAKSA reports by public status",
    total=14_012,
    parts=MappingProxyType({"selesai": 13_421, "proses": 20, "menunggu": 571}),
)
# Published with a total of 3,986. The parts, published without names, add up to 4,026; they are assumed to be in the
# order of the year before. Kept as published.
LAKSA_2025 = PublishedSet(
    title="LAKSA, 2025 to 14 April",
    source="Kota Tangerang, LAKSA reports by public status",
    total=3_986,
    parts=MappingProxyType({"selesai": 3_824, "proses": 27, "menunggu": 175}),
)

ALL_SETS = (
    CALLS_112_TANGERANG_2024,
    CALLS_112_SEMARANG_2025,
    CALLS_112_PURWOREJO_2022_2024,
    LAKSA_2024,
    LAKSA_2025,
)
