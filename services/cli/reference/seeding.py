"""Sending the reference data to intake, once: after an interruption the next run sends what is missing."""

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
    """The requests of the reference data that intake has confirmed, by number.

    ``now`` is the moment that the mixed day is made for. It is kept: for the same moment the same requests are made, so
    that intake recognises a repeat.
    """

    now: datetime
    confirmed: set[int] = field(default_factory=set)

    @classmethod
    def load(cls, layout: Layout) -> "SeedState":
        """The state that the last run saved, or a new one."""
        read = read_json(layout.seed)
        if not read:
            return cls(datetime.now(UTC))
        return cls(datetime.fromisoformat(read["now"]), set(read["confirmed"]))

    def save(self, layout: Layout) -> None:
        """Save it. A lost confirmation only causes a repeat, which has the same id."""
        kept = {"now": self.now.isoformat(), "confirmed": sorted(self.confirmed)}
        write_private(layout.seed, json.dumps(kept))


def reference_requests(now: datetime) -> list[ReferenceRequest]:
    """The mixed day, then the 376 calls of 2024."""
    return [*mixed_day(now), *backfill_calls_2024()]


async def send_reference_data(layout: Layout, door: FrontDoor, progress: Callable[[int, int], None]) -> int:
    """Send the requests that are not confirmed yet and return their number; ``progress`` gets confirmed and total.

    Raises:
        Refused: intake refuses one of them for good.
    """
    state = SeedState.load(layout)
    requests = reference_requests(state.now)
    missing = [(number, request) for number, request in enumerate(requests) if number not in state.confirmed]
    if not missing:
        return 0
    state.save(layout)  # before the first is sent: a repeat must be made for the same moment
    progress(len(state.confirmed), len(requests))
    for group in _in_groups(missing, AT_ONCE):
        await asyncio.gather(*(door.send_until_accepted(request) for _, request in group))
        state.confirmed.update(number for number, _ in group)
        state.save(layout)
        progress(len(state.confirmed), len(requests))
    return len(missing)


def _in_groups(
    items: Iterable[tuple[int, ReferenceRequest]], size: int
) -> Iterator[Sequence[tuple[int, ReferenceRequest]]]:
    rest = iter(items)
    while group := list(itertools.islice(rest, size)):
        yield group
