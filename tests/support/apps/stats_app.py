"""The stats app in this process, queried without a network and without Kafka."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from starlette.types import Message

from services.stats.app import build_app, open_store
from services.stats.facts import Fact
from services.stats.settings import StatsSettings
from services.stats.store import StatsStore
from shared.db.engine import make_engine, sqlite_url
from shared.settings import KafkaSettings
from tests.support.databases.stats_tables import make_stats_tables

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1")


@dataclass
class EventStream:
    """The client's side of a live stream. ``started`` is set once the app counts it as a viewer."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    headers: dict[str, str] = field(default_factory=dict)
    _chunks: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def receive(self) -> Message:
        """ASGI receive: the disconnect, once the client has left."""
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """ASGI send: one part of the response."""
        if message["type"] == "http.response.start":
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message.get("body"):
            self.started.set()
            self._chunks.put_nowait(message["body"].decode())

    async def next(self, seconds: float = 5.0) -> str:
        """The next event, without keepalive comments."""
        async with asyncio.timeout(seconds):
            while (chunk := await self._chunks.get()).startswith(":"):
                pass
        return chunk


@dataclass
class StatsApp:
    """The app, a client of it, and its store."""

    app: FastAPI
    client: AsyncClient
    store: StatsStore

    async def count(self, facts: Sequence[Fact]) -> None:
        """Count facts, as the consumer does."""
        await self.store.record_facts(facts)

    async def get(self, path: str) -> httpx2.Response:
        """The response to a GET."""
        return await self.client.get(path)

    @asynccontextmanager
    async def stream(self, path: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[EventStream]:
        """A live stream, read part by part (httpx2's transport waits for the end); closed with the block."""
        url, opened = httpx2.URL(path), EventStream()
        scope = {
            "type": "http",
            "method": "GET",
            "path": url.path,
            "query_string": url.query,
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        answering = asyncio.create_task(self.app(scope, opened.receive, opened.send))
        try:
            yield opened
        finally:
            opened.left.set()
            await answering


@asynccontextmanager
async def stats_app(directory: Path, *, with_tables: bool = True) -> AsyncIterator[StatsApp]:
    """An app on an empty SQLite database; its connections are closed when the block ends."""
    settings = StatsSettings(kafka=NOWHERE, database_url=sqlite_url(directory / "stats.db"))
    app = build_app(settings)
    if with_tables:
        engine = make_engine(settings.database_url)
        await make_stats_tables(engine)
        await engine.dispose()
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        open_store(settings) as store,
        AsyncClient(transport=transport, base_url="http://stats") as client,
    ):
        try:
            yield StatsApp(app, client, store)
        finally:
            await app.state.parts.engine.dispose()
