"""Fixtures of the component tests of stats: an empty database of each kind, a store and queries on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.stats.queries import StatsQueries
from services.stats.store import StatsStore
from shared.db.engine import make_engine
from shared.domain.taxonomy import default_taxonomy
from tests.support.apps.stats_app import StatsApp, stats_app
from tests.support.databases.engines import KINDS, database
from tests.support.databases.stats_tables import make_stats_tables


@pytest.fixture(params=KINDS)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An empty database of each kind."""
    async with database(request.param, tmp_path) as url:
        made = make_engine(url)
        yield made
        await made.dispose()


@pytest.fixture
async def store(engine: AsyncEngine) -> StatsStore:
    """A store with its tables."""
    await make_stats_tables(engine)
    return StatsStore(engine, default_taxonomy())


@pytest.fixture
def queries(engine: AsyncEngine) -> StatsQueries:
    """Queries on the same database."""
    return StatsQueries(engine)


@pytest.fixture
async def stats(tmp_path: Path) -> AsyncIterator[StatsApp]:
    """The whole app on an empty database, without Kafka."""
    async with stats_app(tmp_path) as made:
        yield made
