"""Which programs make up the pipeline, in the order in which they start, and the settings of each."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.cli.layout import Layout
from services.cli.run.child import Program
from services.cli.run.embedded_kafka.ports import HOST
from services.cli.run.environment import CHANNELS, ENDPOINTS
from services.cli.run.postgres import EmbeddedPostgres
from services.cli.settings import PROJECT
from shared.db.engine import sqlite_url
from shared.domain.lanes import Lane

SERVICES = ("intake", "router-emergency", "router-routine", "notifier-emergency", "notifier-routine", "stats")
WITH_DATABASE = ("notifier-emergency", "notifier-routine", "stats")
# Readers start before writers, so that no report waits for a process that is still starting.
STAGES = (
    ("stats", "call-centre", "notifier-emergency", "notifier-routine"),
    ("router-emergency", "router-routine"),
    ("intake",),
)
# Intake stops first; then each stage finishes what the stage before has sent to it.
STOP_STAGES = (
    ("intake",),
    ("router-emergency", "router-routine"),
    ("notifier-emergency", "notifier-routine", "stats", "call-centre"),
    ("kafka", "postgres"),
)
GRACEFUL = "PT3S"  # of 20 s for all stages and Kafka; a service is killed after STOP_SECONDS
STOP_SECONDS = 4.5
KAFKA_STOP_SECONDS = 5.0
# glibc makes an arena per thread by default, which would be most of the memory of these small processes.
SMALL_PROCESS = {"MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class Plan:
    """The addresses of one run, and the programs that are started with them.

    ``inherited`` is the environment that every process gets, ``moves`` a sentence for each usual port that was taken.
    """

    layout: Layout
    ports: Mapping[str, int]
    kafka: Mapping[str, str]
    postgres: EmbeddedPostgres | None = None
    inherited: Mapping[str, str] = field(default_factory=dict)
    moves: Mapping[str, str] = field(default_factory=dict)

    @property
    def urls(self) -> dict[str, str]:
        """The address of each service."""
        return {name: self.url(name) for name in SERVICES}

    def url(self, name: str) -> str:
        """The address of a process's HTTP server."""
        return f"http://{HOST}:{self.ports[name]}"

    def database(self, name: str) -> str:
        """The database URL of a process: one each, and so one per lane."""
        if self.postgres is not None:
            return self.postgres.url(database_name(name))
        return sqlite_url(self.layout.databases / f"{name}.db")

    def program(self, name: str) -> Program:
        """A process by its name."""
        return Program(
            name=name,
            command=[sys.executable, "-m", *_module(name)],
            environment={
                **self.inherited,
                **SMALL_PROCESS,
                **self.kafka,
                "LAKSA_HTTP_HOST": HOST,
                "LAKSA_HTTP_PORT": str(self.ports[name]),
                "LAKSA_GRACEFUL_TIMEOUT": GRACEFUL,
                **self._own(name),
            },
            folder=PROJECT,
            url=self.url(name),
            stop_seconds=STOP_SECONDS,
        )

    def migration(self, name: str) -> Program:
        """The command that brings a process's database up to date."""
        service = name.partition("-")[0]
        return Program(
            name=f"{name}-db",
            command=[sys.executable, "-m", f"services.{service}.migrate"],
            environment={**self.inherited, "LAKSA_DATABASE_URL": self.database(name)},
            folder=PROJECT,
        )

    def _own(self, name: str) -> dict[str, str]:
        match name.split("-"):
            case ["intake"]:
                return {
                    "LAKSA_SPOOL_DIRECTORY": str(self.layout.spool),
                    CHANNELS: self.inherited.get(CHANNELS, str(self.layout.channels)),
                    "LAKSA_STATS_URL": self.url("stats"),
                }
            case ["notifier", _]:
                return {
                    "LAKSA_DATABASE_URL": self.database(name),
                    ENDPOINTS: self._endpoints,
                    "LAKSA_PUBLIC_URL": self.url(name),
                    "LAKSA_STATS_URL": self.url("stats"),
                }
            case ["stats"]:
                return {"LAKSA_DATABASE_URL": self.database(name)}
            case ["call", "centre"]:
                return {ENDPOINTS: self._endpoints}
            case _:
                return {}

    @property
    def _endpoints(self) -> str:
        return self.inherited.get(ENDPOINTS, str(self.layout.endpoints))


def database_name(process: str) -> str:
    """The name of a process's database on a PostgreSQL server."""
    return "laksa_" + process.replace("-", "_")


def _module(name: str) -> list[str]:
    if name == "call-centre":
        return ["services.cli.demo.call_centre"]
    service, _, lane = name.partition("-")
    return [f"services.{service}", *(["--lane", Lane(lane)] if lane else [])]
