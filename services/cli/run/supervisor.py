"""Starts all processes in order, keeps them running, stops them in order."""

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Self

import aiohttp

from services.cli.keys import Secrets
from services.cli.layout import Layout
from services.cli.run import broker
from services.cli.run.child import Child, Program, run_to_its_end
from services.cli.run.embedded_kafka import EmbeddedKafka
from services.cli.run.embedded_kafka.resolve import GivenBroker
from services.cli.run.merged_log import MergedLog
from services.cli.run.plan import SERVICES, STAGES, STOP_STAGES, WITH_DATABASE, Plan, database_name
from services.cli.run.postgres import EmbeddedPostgres
from services.cli.run_file import RunInfo, write_run_file

READY_SECONDS = 90.0  # a few seconds on an idle machine; many on a loaded one


class Supervisor:
    """All processes of one run. ``async with`` stops all that were started, however the run ends."""

    def __init__(
        self, plan: Plan, layout: Layout, secrets: Secrets, chosen: EmbeddedKafka | GivenBroker, log: MergedLog
    ) -> None:
        self._plan = plan
        self._layout = layout
        self._secrets = secrets
        self._broker = chosen
        self._log = log
        self._children: dict[str, Child] = {}
        self._has_started = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start each stage once the one before is ready, then write ``run.json``.

        Raises:
            ChildNotReady: a process is not ready in time.
            BrokerUnavailable: Kafka does not answer.
        """
        if isinstance(self._broker, EmbeddedKafka):
            await self._start_kafka(self._broker)
        if self._plan.postgres is not None:
            await self._start_postgres(self._plan.postgres)
        await self._make_topics()
        await self._migrate()
        async with aiohttp.ClientSession() as session:
            for stage in STAGES:
                await self._start_stage(stage, session)
        self._has_started = True
        self._write_run_file()

    async def stop(self) -> None:
        """Stop each stage once the one before has ended. What does not end in time is killed."""
        for stage in STOP_STAGES:
            running = [self._children[name] for name in stage if name in self._children]
            await asyncio.gather(*(child.stop() for child in running))
        if isinstance(self._broker, EmbeddedKafka):
            await self._broker.stop()  # unlocks its data folder
        self._children.clear()
        self._layout.run_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill all processes at once. No data are lost by it."""
        for child in self._children.values():
            child.kill()

    def info(self) -> RunInfo:
        """The content of ``run.json``."""
        return RunInfo(
            kafka=self._broker.connection().bootstrap_servers,
            services=self._plan.urls,
            pids=self._pids(),
            api_keys=dict(self._secrets.api_keys),
        )

    async def _start_kafka(self, embedded: EmbeddedKafka) -> None:
        began = time.monotonic()
        with self._log.waiting_for("Starting Apache Kafka"):
            await self._add(broker.program_of(embedded, self._layout)).start()
            await broker.wait_until_kafka_answers(embedded, READY_SECONDS, self._log.log_file("kafka"))
        self._show_ready("kafka", began, embedded.bootstrap_servers)

    async def _start_postgres(self, postgres: EmbeddedPostgres) -> None:
        began = time.monotonic()
        with self._log.waiting_for("Starting PostgreSQL"):
            await self._add(postgres.program()).start()
            await postgres.wait_until_it_answers(READY_SECONDS)
            await postgres.make_databases([database_name(name) for name in WITH_DATABASE])
        self._show_ready("postgres", began, postgres.address)

    async def _make_topics(self) -> None:
        began = time.monotonic()
        with self._log.waiting_for("Making topics"):
            made = await broker.make_topics(self._broker.connection())
        self._log.step(f"topics are there, {made} made now ({_seconds_since(began)})")

    async def _migrate(self) -> None:
        """Bring all databases to the newest revision, each by the command of its service."""
        began = time.monotonic()
        with self._log.waiting_for("Bringing the databases up to date"):
            await asyncio.gather(*(run_to_its_end(self._plan.migration(name), self._log) for name in WITH_DATABASE))
        self._log.step(f"databases are up to date ({_seconds_since(began)})")

    async def _start_stage(self, names: tuple[str, ...], session: aiohttp.ClientSession) -> None:
        children = [self._add(self._plan.program(name)) for name in names]
        with self._log.waiting_for(f"Starting {', '.join(names)}"):
            for child in children:
                await child.start()
            await asyncio.gather(*(self._wait_ready(child, session) for child in children))

    async def _wait_ready(self, child: Child, session: aiohttp.ClientSession) -> None:
        began = time.monotonic()
        await child.wait_ready(session, READY_SECONDS)
        self._show_ready(child.name, began, child.program.url or "")

    def _add(self, program: Program) -> Child:
        child = Child(program, self._log, self._write_run_file)
        self._children[program.name] = child
        return child

    def _show_ready(self, name: str, began: float, address: str) -> None:
        self._log.step(f"{name} is ready at {address} ({_seconds_since(began)})")
        if name in self._plan.moves:
            self._log.step(self._plan.moves[name], style="yellow")

    def _write_run_file(self) -> None:
        if self._has_started:
            write_run_file(self._layout, self.info())

    def _pids(self) -> Mapping[str, int]:
        running = {
            name: self._children[name].pid
            for name in ("kafka", "postgres", *SERVICES, "call-centre")
            if name in self._children
        }
        return {"supervisor": os.getpid(), **{name: pid for name, pid in running.items() if pid is not None}}


def _seconds_since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"
