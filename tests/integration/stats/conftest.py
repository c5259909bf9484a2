"""The fixture of a stats process for the integration tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.processes.stats_process import StatsProcess, stats_process


@pytest.fixture
async def stats(tmp_path: Path) -> AsyncIterator[StatsProcess]:
    """A ready process on a Kafka of the test's own."""
    async with stats_process(tmp_path) as made:
        yield made
