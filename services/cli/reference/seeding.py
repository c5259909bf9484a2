"""Sending the reference data through the front door, once: interrupted anywhere, the next run sends what is missing."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.cli.front_door import FrontDoor
from services.cli.layout import Layout, read_json, write_private
from services.cli.reference.synthetic_reports import ReferenceRequest, backfill_calls_2024, mixed_day

AT_ONCE = 16


@dataclass
class SeedState:
    """What intake has confirmed of the reference data.

    ``now`` is the moment that the mixed day was made for: made again for the same moment it is the same, so that a
    repeat is recognised.
    """

    now: datetime
    confirmed: set[int] = field(default_factory=set)

    @classmethod
    def load(cls, layout: Layout) -> "SeedState":
        """As the last run left it, or fresh."""
        read = read_json(layout.seed)
        if not read:
            return cls(datetime.now(UTC))
        return cls(datetime.fromisoformat(read["now"]), set(read["confirmed"]))

    def save(self, layout: Layout) -> None:
        """Keep it on disk. Lost confirmations cost a repeat, nothing else: ids are derived."""
        kept = {"now": self.now.isoformat(), "confirmed": sorted(self.confirmed)}
        write_private(layout.seed, json.dumps(kept))


def reference_requests(now: datetime) -> list[ReferenceRequest]:
    """The mixed day, then the 376 calls of 2024."""
    return [*mixed_day(now), *backfill_calls_2024()]


async def send_reference_data(layout: Layout, door: FrontDoor, progress: Callable[[int, int], None]) -> int:
    """Send what is not confirmed yet and return how many that were; ``progress`` gets confirmed and total.

    Raises:
        Refused: intake says no to one of them for good.
    """
    state = SeedState.load(layout)
    requests = reference_requests(state.now)
    missing = [(number, request) for number, request in enumerate(requests) if number not in state.confirmed]
    if not missing:
        return 0
    state.save(layout)  # before the first is sent, or a repeat would be made for another moment
    progress(len(state.confirmed), len(requests))
    for some in _in_groups(missing, AT_ONCE):
        await asyncio.gather(*(door.send_until_accepted(request) for _, request in some))
        state.confirmed.update(number for number, _ in some)
        state.save(layout)
        progress(len(state.confirmed), len(requests))
    return len(missing)


def _in_groups(
    items: Iterable[tuple[int, ReferenceRequest]], size: int
) -> Iterator[Sequence[tuple[int, ReferenceRequest]]]:
    rest = iter(items)
    while group := list(itertools.islice(rest, size)):
        yield group
