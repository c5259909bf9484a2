"""Computes the numbers of the tables from raw measurements. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# The first and last tenth are excluded: joining the group, and a small last batch.
STEADY = (0.1, 0.9)


def steady_rate(times: Sequence[float]) -> float:
    """Return the records per second of a run, from the time (in seconds) of each of its records.

    It is the slope of a straight line through the steady part, so that a batch at either end has little effect.
    """
    ordered = sorted(times)
    first, last = (int(len(ordered) * share) for share in STEADY)
    return slope([(moment, number) for number, moment in enumerate(ordered)][first:last])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of a straight line through the points."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the observed value that this percentage of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, with their lowest and highest value."""

    median: float
    low: float
    high: float


def spread_of(values: Sequence[float]) -> Spread:
    """Return the median, the lowest and the highest value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(values: Sequence[float], baseline: Sequence[float]) -> Spread:
    """Return the ratio of each round to the baseline of the same round: load on the machine slows both."""
    return spread_of([value / base for value, base in zip(values, baseline, strict=True)])
