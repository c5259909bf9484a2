"""The four services as production builds them, each in this process on a real Kafka, asked over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import MetaData
from starlette.applications import Starlette

from services.intake.app import build_app as build_intake
from services.intake.settings import IntakeSettings
from services.notifier import tables as notifier_tables
from services.notifier.app import build_app as build_notifier
from services.notifier.settings import NotifierSettings
from services.router.app import build_app as build_router
from services.router.settings import RouterSettings
from services.stats import tables as stats_tables
from services.stats.app import build_app as build_stats
from services.stats.settings import StatsSettings
from shared.db.engine import make_engine, sqlite_url
from shared.domain.lanes import Lane
from shared.settings import KafkaSettings
from tests.support.builders.endpoints import endpoint
from tests.support.databases.engines import make_tables
from tests.support.processes.intake_process import write_channels


@dataclass(frozen=True, slots=True)
class RunningApp:
    """A service that runs in this process."""

    client: httpx2.AsyncClient

    async def readiness(self) -> tuple[int, dict[str, str]]:
        """The status of ``/health/ready``, and what each check says."""
        response = await self.client.get("/health/ready")
        checks: dict[str, str] = response.json()["checks"]
        return response.status_code, checks

    async def metric(self, name: str, **labels: str) -> float:
        """A metric's value; 0 where it was never touched."""
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
    """Run a service from start to orderly stop, with its files and databases in a folder."""
    app = await _build(service, kafka, directory, lane)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client,
    ):
        yield RunningApp(client)


async def _build(service: str, kafka: KafkaSettings, directory: Path, lane: Lane) -> Starlette:
    if service == "intake":
        spool, channels = directory / "spool", write_channels(directory)
        return build_intake(
            IntakeSettings(kafka=kafka, spool_directory=spool, channels_file=channels, stats_url="http://stats.test/")
        )
    if service == "router":
        return build_router(RouterSettings(kafka=kafka, lane=lane))
    url = sqlite_url(directory / f"{service}.db")
    if service == "stats":
        await _make_tables(url, stats_tables.metadata, stats_tables.REVISION)
        return build_stats(StatsSettings(kafka=kafka, database_url=url))
    await _make_tables(url, notifier_tables.metadata, notifier_tables.REVISION)
    endpoints = directory / "endpoints.yaml"
    known = endpoint(url=None).model_dump(mode="json")
    endpoints.write_text(yaml.safe_dump({"endpoints": [known]}), encoding="utf-8")
    return build_notifier(
        NotifierSettings(
            kafka=kafka, lane=lane, database_url=url, endpoints_file=endpoints, public_url="http://notifier.test"
        )
    )


async def _make_tables(url: str, metadata: MetaData, revision: str) -> None:
    engine = make_engine(url)
    await make_tables(engine, metadata, revision)
    await engine.dispose()
