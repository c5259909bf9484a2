"""The real intake process, with keys of its own; Kafka may be away, which it must not mind."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from shared.settings import KafkaSettings
from tests.support.processes.service_process import READY_SECONDS, ServiceProcess
from tests.support.waiting import eventually

KEYS = {"laksa": "key-of-laksa", "112": "key-of-112"}
SCOPES = {"laksa": "[]", "112": "[calls, backfill, exercise]"}


def write_channels(directory: Path) -> Path:
    """A channels file for `KEYS`."""
    file = directory / "channels.yaml"
    entries = [
        f'  - {{name: "{name}", key_sha256: {hashlib.sha256(key.encode()).hexdigest()}, scopes: {SCOPES[name]}}}'
        for name, key in KEYS.items()
    ]
    file.write_text("\n".join(["channels:", *entries]))
    file.chmod(0o600)
    return file


@asynccontextmanager
async def intake_process(
    directory: Path, kafka: KafkaSettings, wrapper: Sequence[str] = ()
) -> AsyncIterator[ServiceProcess]:
    """An intake that answers, whether Kafka is there or not; ended by SIGTERM."""
    settings = {
        "LAKSA_SPOOL_DIRECTORY": str(directory / "spool"),
        "LAKSA_CHANNELS_FILE": str(write_channels(directory)),
    }
    intake = ServiceProcess(["services.intake"], kafka, directory, settings, wrapper)
    try:
        await intake.launch()
        await eventually(intake.is_live, READY_SECONDS)
        yield intake
    finally:
        if intake.process is not None:
            await intake.end()
