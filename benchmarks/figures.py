"""From raw measurements to the few numbers that a table shows. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# The first and last tenth are start and end of a run: joining the group, the last batch, which is a small one.
STEADY = (0.1, 0.9)


def steady_rate(times: Sequence[float]) -> float:
    """Records per second while a run was under way, from the time (in seconds) of each of its records.

    The slope of a straight line through the steady part: a batch more or less at its ends hardly moves it.
    """
    ordered = sorted(times)
    first, last = (int(len(ordered) * share) for share in STEADY)
    return slope([(moment, number) for number, moment in enumerate(ordered)][first:last])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How steep a straight line through the points is."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that this many percent of all values do not exceed, an observed one."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a few rounds, and how far they lie apart."""

    median: float
    low: float
    high: float


def spread_of(values: Sequence[float]) -> Spread:
    """The median, the lowest and the highest."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(values: Sequence[float], baseline: Sequence[float]) -> Spread:
    """Each round against the baseline of the same round: what slows the whole machine slows both."""
    return spread_of([value / base for value, base in zip(values, baseline, strict=True)])
