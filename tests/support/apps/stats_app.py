"""The stats app in this process, asked without a network and without Kafka."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from services.stats.app import build_app, build_store
from services.stats.facts import Fact
from services.stats.settings import StatsSettings
from services.stats.store import StatsStore
from shared.db.engine import make_engine, sqlite_url
from shared.settings import KafkaSettings
from tests.support.databases.stats_tables import make_stats_tables

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1")


@dataclass
class StatsApp:
    """The app, a client of it, and the store behind it."""

    app: FastAPI
    client: AsyncClient
    store: StatsStore

    async def count(self, facts: Sequence[Fact]) -> None:
        """Count these facts, as a consumer would."""
        await self.store.record_facts(facts)

    async def get(self, path: str) -> httpx2.Response:
        """What it answers."""
        return await self.client.get(path)


@asynccontextmanager
async def stats_app(directory: Path, *, with_tables: bool = True) -> AsyncIterator[StatsApp]:
    """An app on an empty SQLite database."""
    settings = StatsSettings(kafka=NOWHERE, database_url=sqlite_url(directory / "stats.db"))
    store, app = build_store(settings), build_app(settings)
    if with_tables:
        engine = make_engine(settings.database_url)
        await make_stats_tables(engine)
        await engine.dispose()
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://stats") as client:
        yield StatsApp(app, client, store)
