"""Which tests are left to `make test-slow`, and what that run says it holds."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

# whole folders, and what kind of tests they hold
SLOW_FOLDERS = {
    "faults": "replicas and nodes of Kafka killed and stopped under load",
    "soak": "memory over 200,000 reports",
}
EXPRESSION = "slow"  # what `make test-slow` gives to -m
LEFT_OUT = "slow: left out: network and clock faults (F09, F10, F26, F31), which no test covers yet: docs/promises.md"


def mark_slow_folders(items: Iterable[pytest.Item], tests: Path) -> None:
    """Every test of a slow folder is slow, whether or not its file says so."""
    for item in items:
        folder = item.path.relative_to(tests).parts[0]
        if folder in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow(SLOW_FOLDERS[folder]))


def describe_slow(items: Iterable[pytest.Item]) -> list[str]:
    """One line for each kind of slow tests: how many, and in which files; and one for what is left out."""
    counts: Counter[str] = Counter()
    files: dict[str, set[str]] = {}
    for item in items:
        if (marker := item.get_closest_marker("slow")) is not None:
            counts[marker.args[0]] += 1
            files.setdefault(marker.args[0], set()).add(item.path.name)
    kinds = [f"slow: {kind}: {count} in {', '.join(sorted(files[kind]))}" for kind, count in sorted(counts.items())]
    return [*kinds, LEFT_OUT]
