"""The migrations of each service create the tables of its code, on SQLite and PostgreSQL."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, update
from sqlalchemy.engine import Connection

from services.notifier import migrate as notifier_migrate
from services.notifier import tables as notifier_tables
from services.stats import migrate as stats_migrate
from services.stats import tables as stats_tables
from shared.db.engine import make_engine
from shared.db.migrating import config_of, upgrade
from shared.db.revision import check_revision, revisions
from shared.errors import DatabaseUnavailable
from tests.support.databases.engines import KINDS, database


@dataclass(frozen=True, slots=True)
class Migrated:
    """A service's migrations, and the tables that they should make."""

    name: str
    migrations: Path
    metadata: MetaData
    revision: str


SERVICES = (
    Migrated("notifier", notifier_migrate.MIGRATIONS, notifier_tables.metadata, notifier_tables.REVISION),
    Migrated("stats", stats_migrate.MIGRATIONS, stats_tables.metadata, stats_tables.REVISION),
)

by_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


@pytest.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """An empty database."""
    async with database(request.param, tmp_path) as made:
        yield made


@by_service
async def test_they_make_the_tables_of_the_code(url: str, service: Migrated) -> None:
    """Nothing is missing, nothing is too much; and a second time nothing changes."""
    for _ in range(2):
        await upgrade(url, service.migrations)

        def differences(connection: Connection) -> list[Any]:
            return list(compare_metadata(MigrationContext.configure(connection), service.metadata))

        engine = make_engine(url)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
        await engine.dispose()


@by_service
async def test_two_at_once_wait_for_each_other(url: str, service: Migrated) -> None:
    """As when two hosts start a new release at the same moment: processes, as Alembic keeps its context in globals."""
    program = (
        "import asyncio, pathlib, sys; from shared.db.migrating import upgrade; "
        "asyncio.run(upgrade(sys.argv[1], pathlib.Path(sys.argv[2])))"
    )
    hosts = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, str(service.migrations))
        for _ in range(2)
    ]
    assert [await host.wait() for host in hosts] == [0, 0]


@by_service
def test_the_code_names_the_newest_revision(service: Migrated) -> None:
    """What a service asks for is what its migrations lead to."""
    assert ScriptDirectory.from_config(config_of(service.migrations)).get_heads() == [service.revision]


@by_service
async def test_a_service_looks_before_it_works(url: str, service: Migrated) -> None:
    """Without tables, or with older ones, it says what to run; with newer ones it goes on, as in a rolling release."""
    engine = make_engine(url)
    async with engine.begin() as connection:
        with pytest.raises(DatabaseUnavailable, match=f"run `laksa migrate {service.name}`"):
            await check_revision(connection, service.revision, service.name)
    await upgrade(url, service.migrations)
    async with engine.begin() as connection:
        await check_revision(connection, service.revision, service.name)
        await connection.execute(update(revisions).values(version_num="0000"))
        with pytest.raises(DatabaseUnavailable, match="at revision 0000"):
            await check_revision(connection, service.revision, service.name)
        await connection.execute(update(revisions).values(version_num="9999"))
        await check_revision(connection, service.revision, service.name)
    await engine.dispose()


async def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    """Nothing was changed, and the error says that it does not answer."""
    with pytest.raises(DatabaseUnavailable):
        await upgrade(f"sqlite+aiosqlite:///{tmp_path}/no/such/folder.db", stats_migrate.MIGRATIONS)
