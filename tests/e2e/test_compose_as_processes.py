"""docker-compose.yml runs: its own commands and settings as processes, on three Kafka nodes and a PostgreSQL.

Parts that need a Docker engine (images, networks, limits) are validated in tests/contract/deploy.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import yaml
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import TopicAuthorizationFailedError
from rich.console import Console

from services.cli.deploy.deploy_secrets import Deployment, make_secrets, read_environment
from services.cli.front_door import TABLE
from services.cli.reference.published_table import differences
from shared.domain.lanes import Lane
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.events import topics
from tests.support.deploy.compose import FILE, Service, read_compose
from tests.support.deploy.compose_processes import Machine
from tests.support.deploy.mail_sink import mail_sink
from tests.support.machine import needed
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

NODES = ("kafka-1", "kafka-2", "kafka-3")
# third-party images without a program on this machine
NOT_HERE = frozenset({"lag-exporter", "grafana", "mailpit"})
WATCHERS = ("prometheus", "alertmanager")
# Panels that are empty while there is no problem.
QUIET_WHEN_WELL = frozenset(
    {
        "Requests without a valid key",
        "Refused for good, last hour",
        "Consumers stopped",
        "Tries after the first",
        "Answers of departments",
    }
)
ANSWER_SECONDS = 30.0


@pytest.fixture(scope="module")
async def machine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Machine]:
    """All services of the file that can run here, started in order, after the reference data were sent."""
    needed("openssl", "openssl")
    folder = tmp_path_factory.mktemp("compose")
    deployment = Deployment(folder / "installation")
    make_secrets(deployment, Console(file=io.StringIO()))
    compose = read_compose(read_environment(deployment.environment))
    (folder / "machine").mkdir()
    made = Machine(compose, folder / "machine", deployment)
    try:
        await asyncio.gather(*(made.start(compose.services[name]) for name in (*NODES, "postgres")))
        gone = NOT_HERE | {name for name in WATCHERS if not made.has_program_for(compose.services[name])}
        rest = [one for one in compose.in_order(sorted(compose.services)) if one.name not in gone]
        await start_in_order(made, [one for one in rest if one.name not in made.running])
        yield made
    finally:
        await made.stop()


@pytest.fixture(scope="module")
async def watched(machine: Machine) -> Machine:
    """The same, with Debian's Prometheus and Alertmanager started by the file's commands."""
    needed("prometheus", "prometheus")
    needed("prometheus-alertmanager", "prometheus-alertmanager")
    for name in WATCHERS:
        await machine.is_healthy(machine.compose.services[name])
    return machine


async def test_the_table_is_the_published_one(machine: Machine) -> None:
    """The 376 calls of 2024 pass through the file's Kafka, services and databases, and the job reports the table."""
    answer = await ask(machine, "stats", 8105, TABLE)
    assert differences(answer, CALLS_112_TANGERANG_2024) == []
    assert answer["total"] == 376


async def test_every_service_is_healthy(machine: Machine) -> None:
    """Each healthcheck command of the file succeeds."""
    for name, process in machine.running.items():
        service = machine.compose.services[name]
        if service.is_job:
            assert process.returncode == 0, machine.last_words(name)
        else:
            await machine.is_healthy(service)


async def test_the_jobs_change_nothing_when_they_run_again(machine: Machine) -> None:
    """Running the jobs again changes no topics or tables and sends nothing twice."""
    jobs = [service for service in machine.compose.services.values() if service.is_job]
    await asyncio.gather(*(machine.start(job) for job in jobs))
    answer = await ask(machine, "stats", 8105, TABLE)
    assert answer["total"] == 376
    assert "0 requests sent now" in machine.last_words("reference-data")


async def test_the_call_centre_acknowledges_over_https(machine: Machine) -> None:
    """A signed push over TLS with the generated certificate is acknowledged by the ack_url."""

    async def acknowledged() -> bool:
        said = await metrics(machine, "notifier-emergency", 8103)
        return 'laksa_deliveries_total{lane="emergency",state="acknowledged"}' in said

    await eventually(acknowledged, ANSWER_SECONDS)


async def test_a_department_reads_its_own_topic_and_no_other(machine: Machine) -> None:
    """With its generated password, a department reads its own topic and is refused on others."""
    users = yaml.safe_load((machine.deployment.secrets / "kafka-users.yaml").read_text(encoding="utf-8"))["users"]
    login = {"sasl_plain_username": "opd-bpbd", "sasl_plain_password": users["opd-bpbd"]}
    assert await first_record(machine, topics.opd("BPBD", Lane.EMERGENCY), **login)
    with pytest.raises(TopicAuthorizationFailedError):
        await first_record(machine, topics.opd("DISHUB", Lane.ROUTINE), **login)


async def test_prometheus_sees_every_service(watched: Machine) -> None:
    """Every target of its file except the lag exporter is up, and Alertmanager is configured."""

    async def all_are_up() -> bool:
        targets = (await ask(watched, "prometheus", 9090, "/api/v1/targets"))["data"]["activeTargets"]
        return {one["labels"]["job"] for one in targets if one["health"] != "up"} == {"lag-exporter"}

    await eventually(all_are_up, ANSWER_SECONDS)
    managers = (await ask(watched, "prometheus", 9090, "/api/v1/alertmanagers"))["data"]["activeAlertmanagers"]
    assert [one["url"] for one in managers] == [f"http://{watched.address('alertmanager', 9093)}/api/v2/alerts"]


async def test_the_dashboards_are_filled(watched: Machine) -> None:
    """Each query of each panel that uses the services' metrics returns data."""
    for file in sorted((FILE.parent / "deploy" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            asked = [target["expr"].replace("$__rate_interval", "1m") for target in panel.get("targets", ())]
            ours = [query for query in asked if "kminion" not in query]
            if ours and panel["title"] not in QUIET_WHEN_WELL:
                await eventually(partial(any_has_data, watched, ours), ANSWER_SECONDS)


async def test_an_alert_that_pages_becomes_a_mail(watched: Machine) -> None:
    """Alertmanager sends an alert of Prometheus as a mail to the configured address at once."""
    alert = {"labels": {"alertname": "LaksaReportUndecided", "lane": "emergency", "severity": "page"}}
    async with mail_sink(watched.ports["mailpit", 1025]) as sink, httpx2.AsyncClient() as client:
        answer = await client.post(f"http://{watched.address('alertmanager', 9093)}/api/v2/alerts", json=[alert])
        assert answer.status_code == 200, answer.text
        await eventually(lambda: bool(sink.mails), ANSWER_SECONDS)
    assert sink.mails[0]["Subject"] == "[LAKSA FIRING] LaksaReportUndecided emergency"
    assert sink.mails[0]["To"] == "piket@example.org"


async def start_in_order(machine: Machine, services: list[Service]) -> None:
    """Start each service as soon as its dependencies meet their conditions, as docker compose does."""
    begun: dict[str, asyncio.Task[None]] = {}

    async def start(service: Service) -> None:
        for name in service.waits_for:
            if name in begun:
                await begun[name]
        await machine.start(service)

    for service in services:
        begun[service.name] = asyncio.create_task(start(service))
    await asyncio.gather(*begun.values())


async def first_record(machine: Machine, topic: str, **login: str) -> bool:
    """Whether a department's client can read a record of a topic."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=[machine.address(node, 9092) for node in NODES],
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        group_id="bpbd-callcentre",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **login,
    )
    try:
        await consumer.start()
        return bool(await asyncio.wait_for(consumer.getone(), ANSWER_SECONDS))
    finally:
        await consumer.stop()


async def ask(machine: Machine, service: str, port: int, path: str) -> Any:
    """The JSON response of a service."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"http://{machine.address(service, port)}{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def any_has_data(machine: Machine, queries: Sequence[str]) -> bool:
    """Whether Prometheus returns data for one of these queries."""
    for query in queries:
        found = await ask(machine, "prometheus", 9090, f"/api/v1/query?{urlencode({'query': query})}")
        if found["data"]["result"]:
            return True
    return False


async def metrics(machine: Machine, service: str, port: int) -> str:
    """The metrics of a service."""
    async with httpx2.AsyncClient() as client:
        return (await client.get(f"http://{machine.address(service, port)}/metrics")).text
