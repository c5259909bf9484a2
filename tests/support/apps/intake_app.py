"""The intake application in this process, without Kafka: its records stay in the spool, where tests read them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import select

from services.intake.app import Parts, build_http, build_parts
from services.intake.settings import IntakeSettings
from services.intake.tables import outbox
from shared.domain.lanes import Lane
from shared.settings import KafkaSettings
from tests.support.processes.intake_process import KEYS, write_channels

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NOBODY_LISTENS = "127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One waiting record of the spool."""

    lane: Lane
    topic: str
    headers: dict[str, str]
    value: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The parsed body."""
        body: dict[str, Any] = json.loads(self.value)
        return body


@dataclass
class IntakeApp:
    """Intake, a client of it, and access to its spool."""

    parts: Parts
    client: httpx2.AsyncClient

    async def report(
        self, key: str = "laksa", *, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx2.Response:
        """Send a report, with a default text."""
        sent = {"text": "Lampu jalan padam", **body}
        return await self.client.post("/v1/reports", json=sent, headers={"X-API-Key": KEYS[key], **(headers or {})})

    async def call(self, *, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
        """Send a 112 call, with a default text and call type."""
        sent = {"text": "Rumah terbakar", "call_type": "normal", **body}
        return await self.client.post("/v1/calls", json=sent, headers={"X-API-Key": KEYS["112"], **(headers or {})})

    async def raw(self, path: str, body: Any, key: str = "112", **headers: str) -> httpx2.Response:
        """Send bytes, or an iterator of bytes, as JSON; header names have ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        all_headers = {"X-API-Key": KEYS[key], "content-type": "application/json"} | named
        return await self.client.post(path, content=body, headers=all_headers)

    async def spooled(self, topic: str = "") -> list[Waiting]:
        """The waiting records of topics with this prefix; emergencies first, in their order."""
        found: list[Waiting] = []
        for lane, file in self.parts.files.items():
            async with file.reading() as connection:
                rows = await connection.execute(select(outbox).order_by(outbox.c.id))
                found.extend(Waiting(lane, row.topic, dict(json.loads(row.headers)), row.value) for row in rows)
        return [record for record in found if record.topic.startswith(topic)]

    def counted(self, name: str, **labels: str) -> float:
        """A metric's value; 0 if it was never counted."""
        return self.parts.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def intake_app(directory: Path, **settings: Any) -> AsyncIterator[IntakeApp]:
    """Run intake with its spool in a folder, its clock at `NOW`, and without a Kafka at its address."""
    made = IntakeSettings(
        kafka=KafkaSettings(bootstrap_servers=NOBODY_LISTENS),
        spool_directory=directory / "spool",
        channels_file=write_channels(directory),
        stats_url="http://stats.test/",
        graceful_timeout=timedelta(seconds=0.1),
        **settings,
    )
    parts = build_parts(made, now=lambda: NOW)
    app = build_http(parts)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://intake.test") as client,
    ):
        yield IntakeApp(parts, client)
