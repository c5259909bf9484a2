"""How much memory processes hold while they work, and whether it grows with what they have worked off."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

import psutil

from tests.support.processes.service_process import ServiceProcess

MIB = 1024 * 1024
GROWTH = 1.05
SLACK_MIB = 4.0


@dataclass(frozen=True, slots=True)
class Quarters:
    """Medians of resident memory in MiB, of each quarter of the samples. The first one is the warm-up."""

    medians: tuple[float, float, float, float]

    @property
    def most(self) -> float:
        """What the last quarter may have at most to count as flat."""
        return self.medians[1] * GROWTH + SLACK_MIB

    @property
    def is_flat(self) -> bool:
        """Whether it grew no more after the warm-up than noise does."""
        return self.medians[3] <= self.most


@dataclass
class MemoryLog:
    """Samples of each process's resident memory, taken at equal steps of the work."""

    processes: Mapping[str, ServiceProcess]
    samples: dict[str, list[float]] = field(default_factory=dict)

    def sample(self) -> None:
        """Look at all of them once.

        Raises:
            psutil.NoSuchProcess: one has ended.
        """
        for name, service in self.processes.items():
            assert service.process is not None
            resident = psutil.Process(service.process.pid).memory_info().rss / MIB
            self.samples.setdefault(name, []).append(resident)

    def quarters(self) -> dict[str, Quarters]:
        """By process."""
        return {name: _quarters(values) for name, values in self.samples.items()}

    def table(self) -> str:
        """The figures, for a person."""
        lines = [f"{'MiB':20}{'1st':>8}{'2nd':>8}{'3rd':>8}{'4th':>8}{'at most':>10}"]
        for name, found in self.quarters().items():
            lines.append(f"{name:20}" + "".join(f"{one:8.1f}" for one in found.medians) + f"{found.most:10.1f}")
        return "\n".join(lines)


def _quarters(values: list[float]) -> Quarters:
    size = len(values) // 4
    first, second, third, fourth = (median(values[number * size : (number + 1) * size]) for number in range(4))
    return Quarters((first, second, third, fourth))
