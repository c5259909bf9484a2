"""Services stop in time (promise W3), also if Kafka accepts connections but does not answer."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.cli.run.embedded_kafka import EmbeddedKafka
from tests.support.kafka.brokers import embedded_kafka, make_pipeline_topics
from tests.support.processes.intake_process import write_channels
from tests.support.processes.service_process import ServiceProcess
from tests.support.waiting import eventually

SECONDS = 60.0


@asynccontextmanager
async def _frozen(broker: EmbeddedKafka) -> AsyncIterator[None]:
    """A Kafka that accepts connections and does not answer."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


def _service(kind: str, broker: EmbeddedKafka, directory: Path) -> ServiceProcess:
    settings = {
        "LAKSA_SPOOL_DIRECTORY": str(directory / "spool"),
        "LAKSA_CHANNELS_FILE": str(write_channels(directory)),
        "LAKSA_LANE": "routine",
    }
    return ServiceProcess([f"services.{kind}"], broker.connection(), directory, settings)


@pytest.mark.parametrize("kind", ["intake", "router"])
async def test_it_ends_in_time_while_it_waits_for_kafka(kind: str, tmp_path: Path) -> None:
    """A service stops within 20 s, both while it connects and after its groups have joined."""
    async with embedded_kafka(tmp_path) as broker:
        await make_pipeline_topics(broker.connection())
        service = _service(kind, broker, tmp_path)
        try:
            async with _frozen(broker):
                await service.launch()
                await eventually(service.is_live, SECONDS)
                await service.stop()
            await service.start()
            async with _frozen(broker):
                await service.stop()
        finally:
            await service.kill_if_running()
