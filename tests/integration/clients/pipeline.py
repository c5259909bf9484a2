"""Real processes from intake to the departments: intake, both routers and the emergency notifier.

On three nodes with passwords: each service, channel and department has its own user.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import yaml
from aiokafka import ConsumerRecord

from shared.db.engine import sqlite_url
from shared.domain.lanes import Channel, Lane
from shared.messaging.access import channel_user, department_user
from shared.settings import KafkaSettings
from tests.support.builders.endpoints import endpoint
from tests.support.kafka.client import read_all
from tests.support.kafka.clusters import ProtectedKafka, protected_kafka
from tests.support.processes.intake_process import KEYS, intake_process
from tests.support.processes.service_process import READY_SECONDS, ServiceProcess
from tests.support.receivers import receiver
from tests.support.waiting import eventually

ARRIVES_SECONDS = 30.0

Record: TypeAlias = ConsumerRecord[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The running pipeline, with ways to send reports and read topics."""

    protected: ProtectedKafka
    intake_url: str

    @property
    def kafka(self) -> KafkaSettings:
        """A connection that may read everything."""
        return self.protected.administrator

    def as_department(self, opd: str) -> KafkaSettings:
        """A connection as a department's user."""
        return self.protected.as_user(department_user(opd))

    def as_channel(self, name: Channel) -> KafkaSettings:
        """A connection as a channel's user."""
        return self.protected.as_user(channel_user(name))

    async def report(self, **body: Any) -> str:
        """Send a citizen report; returns its id."""
        return await self._send("/v1/reports", KEYS["laksa"], body)

    async def call(self, **body: Any) -> str:
        """Send a 112 call; returns its id."""
        return await self._send("/v1/calls", KEYS["112"], {"call_type": "normal", **body})

    async def arrived(self, topic: str, key: str | None = None) -> Record:
        """Wait for the first record with this key (default: any key) on a topic."""
        found: list[Record] = []

        async def is_there() -> bool:
            records = await read_all(self.kafka, topic)
            found.extend(record for record in records if key in (None, (record.key or b"").decode()))
            return bool(found)

        await eventually(is_there, ARRIVES_SECONDS)
        return found[0]

    async def _send(self, path: str, key: str, body: dict[str, Any]) -> str:
        async with httpx2.AsyncClient() as client:
            answer = await client.post(f"{self.intake_url}{path}", json=body, headers={"X-API-Key": key})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["report_id"])


@asynccontextmanager
async def running_pipeline(directory: Path) -> AsyncIterator[Pipeline]:
    """A ready pipeline; BPBD is pushed and never acknowledges."""
    async with AsyncExitStack() as stack:
        protected = await stack.enter_async_context(protected_kafka(directory))
        department = await stack.enter_async_context(receiver())
        others = [
            *(_service(protected, directory / f"router-{lane}", "router", lane) for lane in Lane),
            _notifier(protected, directory / "notifier", department.url),
        ]
        for service in others:
            stack.push_async_callback(service.kill_if_running)
            await service.launch()
        intake = await stack.enter_async_context(intake_process(directory, protected.as_user("intake")))
        await asyncio.gather(*(eventually(service.is_ready, READY_SECONDS) for service in (*others, intake)))
        yield Pipeline(protected, intake.url)


def _service(protected: ProtectedKafka, directory: Path, name: str, lane: Lane) -> ServiceProcess:
    directory.mkdir()
    return ServiceProcess([f"services.{name}", "--lane", lane], protected.as_user(name), directory)


def _notifier(protected: ProtectedKafka, directory: Path, url: str) -> ServiceProcess:
    service = _service(protected, directory, "notifier", Lane.EMERGENCY)
    endpoints = directory / "endpoints.yaml"
    endpoints.write_text(yaml.safe_dump({"endpoints": [endpoint(url=url).model_dump(mode="json")]}))
    service.settings = {
        "LAKSA_DATABASE_URL": sqlite_url(directory / "notifier.db"),
        "LAKSA_ENDPOINTS_FILE": str(endpoints),
        "LAKSA_PUBLIC_URL": service.url,
    }
    return service
