"""Debian's Prometheus with the committed configuration: it scrapes every service, and real faults fire the alerts."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import yaml

from shared.domain.lanes import Lane
from shared.events import topics
from tests.support.kafka.client import write_raw
from tests.support.machine import needed
from tests.support.processes.stack import PROJECT, Stack, running_stack
from tests.support.receivers import unused_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

COMMITTED = PROJECT / "deploy" / "prometheus"
READY_SECONDS = 30.0
FIRES_SECONDS = 60.0


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A pipeline without the reference data."""
    needed("prometheus", "prometheus")
    async with running_stack(tmp_path_factory.mktemp("stack")) as made:
        yield made


@pytest.fixture(scope="module")
async def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a Prometheus that scrapes this pipeline."""
    folder = tmp_path_factory.mktemp("prometheus")
    write_configuration(stack, folder)
    async with running_prometheus(folder) as address:
        yield address


@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts.test.yml"],
    ],
    ids=" ".join,
)
def test_the_committed_files_are_right(command: list[str]) -> None:
    """The committed files are valid for promtool, and the alerts pass their tests."""
    promtool = needed("promtool", "prometheus")
    done = subprocess.run([promtool, *command], cwd=COMMITTED, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_every_service_is_up(stack: Stack, prometheus: str) -> None:
    """All six targets of the scrape file are up."""

    async def all_are_up() -> bool:
        targets = (await ask(prometheus, "/api/v1/targets"))["activeTargets"]
        return {one["labels"]["job"] for one in targets if one["health"] == "up"} == set(stack.run["services"])

    await eventually(all_are_up, READY_SECONDS)


async def test_the_metrics_are_well_formed(stack: Stack) -> None:
    """``promtool check metrics`` accepts the metrics of each service."""
    promtool = needed("promtool", "prometheus")
    async with httpx2.AsyncClient() as client:
        for service, address in stack.run["services"].items():
            said = (await client.get(f"{address}/metrics")).text
            done = await asyncio.to_thread(
                subprocess.run, [promtool, "check", "metrics"], input=said, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{service}: {done.stdout}{done.stderr}"


async def test_a_dead_letter_among_emergencies_pages(stack: Stack, prometheus: str) -> None:
    """An unreadable record in the emergency lane fires its alert."""
    await write_raw(stack.kafka, topics.reports(Lane.EMERGENCY), [(b"\xff broken", [])])
    await eventually(lambda: fires(prometheus, "LaksaEmergencyDeadLetter", service="router"), FIRES_SECONDS)


async def test_an_emergency_that_nobody_decides_pages(stack: Stack, prometheus: str) -> None:
    """A hanging emergency router fires the alert of undecided emergencies, which ends when the router continues."""
    with hanging(stack, "router-emergency"):
        await call(stack)
        await eventually(lambda: fires(prometheus, "LaksaReportUndecided", lane="emergency"), FIRES_SECONDS)
    await eventually(lambda: is_silent(prometheus, "LaksaReportUndecided"), FIRES_SECONDS)


async def test_a_spool_that_does_not_empty_pages(stack: Stack, prometheus: str) -> None:
    """While Kafka hangs (F05), the age of an accepted call fires the spool's alert; it ends when Kafka continues."""
    with hanging(stack, "kafka"):
        await call(stack)
        await eventually(lambda: fires(prometheus, "LaksaOutboxStuck", job="intake"), FIRES_SECONDS)
    await eventually(lambda: is_silent(prometheus, "LaksaOutboxStuck"), FIRES_SECONDS)


class hanging:  # noqa: N801  # reads as a statement
    """Stop a process with SIGSTOP during the block."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._pid = int(stack.run["pids"][name])

    def __enter__(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGCONT)


async def call(stack: Stack) -> None:
    """Send a 112 call."""
    body = {"text": "Rumah terbakar", "category": "FIR-KEBAKARAN", "call_type": "normal"}
    async with httpx2.AsyncClient() as client:
        headers = {"X-API-Key": stack.api_keys["112"]}
        answer = await client.post(f"{stack.url('intake')}/v1/calls", json=body, headers=headers)
    assert answer.status_code == 202


async def fires(address: str, alert: str, **labels: str) -> bool:
    """Whether an alert with these labels is firing now."""
    alerts = (await ask(address, "/api/v1/alerts"))["alerts"]
    wanted = {"alertname": alert, **labels}
    return any(one["state"] == "firing" and one["labels"] | wanted == one["labels"] for one in alerts)


async def is_silent(address: str, alert: str) -> bool:
    """Whether no alert of this name is firing."""
    return not await fires(address, alert)


async def ask(address: str, path: str) -> Any:
    """The response of Prometheus."""
    async with httpx2.AsyncClient() as client:
        return (await client.get(address + path)).json()["data"]


def write_configuration(stack: Stack, folder: Path) -> None:
    """Write the committed files with this pipeline's addresses, a scrape interval of 1 s and alerts without ``for``."""
    scrape = yaml.safe_load((COMMITTED / "prometheus.yml").read_text(encoding="utf-8"))
    scrape["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    for job in scrape["scrape_configs"]:
        job["static_configs"] = [{"targets": [urlsplit(stack.url(job["job_name"])).netloc]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(scrape), encoding="utf-8")
    alerts = yaml.safe_load((COMMITTED / "alerts.yml").read_text(encoding="utf-8"))
    for rule in alerts["groups"][0]["rules"]:
        rule.pop("for", None)
    (folder / "alerts.yml").write_text(yaml.safe_dump(alerts), encoding="utf-8")


@asynccontextmanager
async def running_prometheus(folder: Path) -> AsyncIterator[str]:
    """Run Debian's Prometheus on a free port during the block."""
    address = f"127.0.0.1:{unused_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            needed("prometheus", "prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
    try:
        await eventually(lambda: _is_ready(f"http://{address}"), READY_SECONDS)
        yield f"http://{address}"
    finally:
        process.terminate()
        await process.wait()


async def _is_ready(address: str) -> bool:
    try:
        async with httpx2.AsyncClient() as client:
            return (await client.get(f"{address}/-/ready")).is_success
    except httpx2.TransportError:
        return False
