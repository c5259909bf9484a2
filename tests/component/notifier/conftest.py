"""Fixtures of the notifier's component tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.databases.engines import KINDS, database


@pytest.fixture(params=KINDS)
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """An empty database of each kind."""
    async with database(request.param, tmp_path) as url:
        yield url
