"""The applications of all four services as production builds them, in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from starlette.applications import Starlette

from services.intake.app import build_app as build_intake
from services.intake.settings import IntakeSettings
from services.notifier.app import build_app as build_notifier
from services.notifier.settings import NotifierSettings
from services.router.app import build_app as build_router
from services.router.settings import RouterSettings
from services.stats.app import build_app as build_stats
from services.stats.settings import StatsSettings
from shared.db.engine import sqlite_url
from shared.domain.lanes import Lane
from shared.settings import KafkaSettings
from tests.support.processes.intake_process import write_channels

SERVICES = ("intake", "router", "notifier", "stats")
NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1")


def build_service(
    name: str, directory: Path, *, kafka: KafkaSettings = NOWHERE, lane: Lane = Lane.EMERGENCY
) -> Starlette:
    """Build one service's application with its files in a folder; its databases have no tables."""
    if name == "intake":
        spool, channels = directory / "spool", write_channels(directory)
        return build_intake(
            IntakeSettings(kafka=kafka, stats_url="http://stats.test", spool_directory=spool, channels_file=channels)
        )
    if name == "router":
        return build_router(RouterSettings(kafka=kafka, lane=lane))
    database = sqlite_url(directory / f"{name}.db")
    if name == "stats":
        return build_stats(StatsSettings(kafka=kafka, database_url=database))
    endpoints = directory / "endpoints.yaml"
    endpoints.write_text("endpoints: []\n", encoding="utf-8")
    return build_notifier(
        NotifierSettings(
            kafka=kafka,
            lane=lane,
            database_url=database,
            endpoints_file=endpoints,
            public_url="http://notifier.test",
        )
    )


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an application that is not started: nothing connects to Kafka."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        yield client
