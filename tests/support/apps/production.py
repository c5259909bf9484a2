"""The four services as production builds them, each in this process on a real Kafka, queried over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from services.notifier import tables as notifier_tables
from services.stats import tables as stats_tables
from shared.db.engine import make_engine, sqlite_url
from shared.domain.lanes import Lane
from shared.settings import KafkaSettings
from tests.support.apps.all_services import build_service
from tests.support.databases.engines import make_tables

TABLES = {
    "notifier": (notifier_tables.metadata, notifier_tables.REVISION),
    "stats": (stats_tables.metadata, stats_tables.REVISION),
}


@dataclass(frozen=True, slots=True)
class RunningApp:
    """A service running in this process."""

    client: httpx2.AsyncClient

    async def readiness(self) -> tuple[int, dict[str, str]]:
        """The status of ``/health/ready``, and the result of each check."""
        response = await self.client.get("/health/ready")
        checks: dict[str, str] = response.json()["checks"]
        return response.status_code, checks

    async def metric(self, name: str, **labels: str) -> float:
        """A metric's value; 0 if it was never set."""
        families = text_string_to_metric_families((await self.client.get("/metrics")).text)
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@asynccontextmanager
async def production_app(
    service: str, kafka: KafkaSettings, directory: Path, *, lane: Lane = Lane.ROUTINE
) -> AsyncIterator[RunningApp]:
    """Run a service until the block ends, with its files and databases in a folder."""
    if service in TABLES:
        engine = make_engine(sqlite_url(directory / f"{service}.db"))
        await make_tables(engine, *TABLES[service])
        await engine.dispose()
    app = build_service(service, directory, kafka=kafka, lane=lane)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client,
    ):
        yield RunningApp(client)
