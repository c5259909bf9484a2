"""Debian's PostgreSQL as the last choice for tests."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.databases.postgres_servers import debian_binaries, of_debian
from tests.support.machine import needed


def test_the_newest_server_is_found_where_debian_puts_it(tmp_path: Path) -> None:
    """Versions are compared as numbers, and folders without initdb are ignored."""
    for version, programs in {"9.6": ["postgres", "initdb"], "15": ["postgres", "initdb"], "17": ["psql"]}.items():
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for program in programs:
            (folder / program).touch()
    assert debian_binaries(tmp_path) == tmp_path / "15" / "bin"
    assert debian_binaries(tmp_path / "nowhere") is None


async def test_debians_server_takes_databases() -> None:
    """The server runs as a separate user, requires a password, and is removed after the tests."""
    needed("pg_createcluster", "postgresql")
    binaries = debian_binaries()
    assert binaries is not None
    engine = create_async_engine(of_debian(binaries), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("CREATE DATABASE laksa_test_of_debian"))
        assert await connection.scalar(text("SELECT count(*) FROM pg_database WHERE datname LIKE 'laksa%'")) == 1
        assert await connection.scalar(text("SHOW server_encoding")) == "UTF8"
    await engine.dispose()
