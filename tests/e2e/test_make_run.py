"""`make run` as a user sees it: the screen, the table, the addresses, a second run, Ctrl-C, and ``run.json``."""

import asyncio
import contextlib
import json
import re
import socket
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from services.cli.reference.seeding import reference_requests
from services.cli.run.ports import USUAL
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.events.groups import topics_by_group
from shared.settings import KafkaSettings
from tests.support.kafka.client import consumer_groups, read_all
from tests.support.processes.stack import (
    HEAL_SECONDS,
    PROJECT,
    START_SECONDS,
    STOP_SECONDS,
    Stack,
    data_folder,
    run_command,
)
from tests.support.processes.terminal import CTRL_C, terminal
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(400)

SERVICES = {"intake", "router-emergency", "router-routine", "notifier-emergency", "notifier-routine", "stats"}
TABLE = {"agd": 122, "animals": 67, "fallen_trees": 30, "fire": 29, "other": 128}
CALLS_112 = "/v1/stats/112?from=2024-01&to=2024-07"
README = PROJECT / "README.md"
KAFKA_LOG = "kafka.log"  # written by Kafka in its own format
SEEDED = len(reference_requests(datetime.now(UTC)))


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A pipeline on an empty data folder."""
    async with data_folder(tmp_path) as made:
        yield made


async def test_a_cold_run_a_second_one_and_what_a_script_reads(stack: Stack) -> None:
    """A cold run shows the table; a second run sends nothing and shows it again; a wrong table exits with 1."""
    async with terminal(["make", "run"], stack.environment, PROJECT) as screen:
        await screen.shows("Ctrl-C stops everything", START_SECONDS)
        _assert_table(screen.text)
        _assert_quiet(screen.text)
        _assert_nothing_alarming(stack)
        stack.remember_pids()
        await _assert_run_file_tells_everything(stack)
        await _assert_everything_is_counted(stack)
        await _assert_a_killed_child_comes_back(stack, "router-routine")
        await _assert_a_killed_child_comes_back(stack, "kafka")
        for name in ("router-routine", "kafka"):
            assert re.search(rf"{name}.*ended unexpectedly, starting it again.*log/{name}\.log", screen.text), (
                screen.text
            )
        await stack.is_drained()
        assert await consumer_groups(stack.kafka) == set(topics_by_group(())), (
            "whether it is drained is asked of all groups"
        )
        sent = await _facts(stack)
        screen.type(CTRL_C)
        await screen.ends(STOP_SECONDS)
        assert screen.text.count("Stopping everything") == screen.text.count("Everything has stopped") == 1, screen.text
    await stack.is_gone()
    assert not (stack.var / "run.json").exists()

    status, printed = await run_command(["make", "run", "ONCE=1"], stack.environment, START_SECONDS)
    assert status == 0, printed
    _assert_table(printed)
    assert "reference data: 0 requests sent now" in printed
    assert _table_lines(printed) == _table_lines(README.read_text(encoding="utf-8")), (
        "the README's sample is the output"
    )
    assert printed.rstrip().splitlines()[-1].startswith("╰"), "the addresses are the last thing on the screen"

    await stack.start()
    assert await _facts(stack) == sent
    await _send_one_call_of_2024(stack)
    assert await stack.stop() == 0
    status, printed = await stack.run_to_its_end("run", "--once")
    assert status == 1, printed
    assert "total: stats says 377, published is 376" in printed


@pytest.mark.slow("kills in turn")
@pytest.mark.parametrize(("what", "database"), [("everything", "sqlite"), ("the supervisor", "postgres")])
async def test_killed_half_way_through_the_sending(stack: Stack, what: str, database: str) -> None:
    """No process is left behind, and the next run sends only the missing requests: each is counted once."""
    half = SEEDED // 2
    await stack.start("--db", database, reference_data=True)
    await eventually(lambda: _confirmed(stack) >= half, START_SECONDS)
    if what == "everything":
        stack.kill_everything()
    else:
        stack.kill("supervisor")
    await stack.is_gone()
    assert _confirmed(stack) < SEEDED, "killed too late to tell anything"
    status, printed = await stack.run_to_its_end("run", "--once")
    assert status == 0, printed
    _assert_table(printed)
    assert {"sqlite": "SQLite, one file", "postgres": "embedded PostgreSQL"}[database] in printed
    status, printed = await stack.run_to_its_end("run", "--db", "sqlite" if database == "postgres" else "postgres")
    assert (status, f"are kept with DB={database}" in " ".join(printed.split())) == (1, True), printed


async def test_a_second_supervisor_is_refused_and_a_taken_port_is_announced(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data folder has one supervisor. A taken port is announced twice, a variable without effect once."""
    stack.ports = "fixed"
    monkeypatch.setenv("LAKSA_HTTP_PORT", "9")
    with socket.socket() as somebody, contextlib.suppress(OSError):
        somebody.bind(("127.0.0.1", USUAL["stats"]))  # it may be taken already
        somebody.listen()
        await stack.start()
    port = urlsplit(stack.url("stats")).port
    assert port != USUAL["stats"]
    await eventually(lambda: "Ctrl-C stops everything" in stack.output(), START_SECONDS)
    assert stack.output().count(f"{USUAL['stats']} is taken, stats listens on {port}") == 2, stack.output()
    assert stack.output().count("LAKSA_HTTP_PORT is ignored: make run sets it for each process") == 1
    status, printed = await stack.run_to_its_end("run")
    assert status == 1
    assert f"LAKSA already runs on {stack.var} (process {stack.run['pids']['supervisor']})" in printed
    assert await stack.stop() == 0


def _confirmed(stack: Stack) -> int:
    try:
        return len(json.loads((stack.var / "seed.json").read_text())["confirmed"])
    except FileNotFoundError:
        return 0


def _table_lines(text: str) -> list[str]:
    """The lines of the first table in a text, from its title to its last line."""
    lines = [line.rstrip() for line in text.splitlines()]
    first = next(number for number, line in enumerate(lines) if line.startswith("┏")) - 1
    last = next(number for number, line in enumerate(lines) if line.startswith("└")) + 1
    return lines[first : last + 1]


def _assert_quiet(shown: str) -> None:
    """The screen shows steps, the table and the addresses, and no log line of a service."""
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).replace("\r", "\n")
    assert "A report was accepted" not in plain
    assert not re.search(r"\b(WARNING|ERROR|CRITICAL)\b", plain), shown
    for step in ("kafka is ready at", "topics are there", "databases are up to date", "intake is ready at"):
        assert step in plain, plain


def _assert_nothing_alarming(stack: Stack) -> None:
    """The log files have no missing group coordinator and no JVM warnings."""
    logs = "".join(file.read_text(errors="replace") for file in (stack.var / "log").glob("*") if file.name != KAFKA_LOG)
    assert not re.findall(r".*GroupCoordinatorNotAvailable.*|^WARNING:.*", logs, re.MULTILINE)


def _assert_table(printed: str) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    for label, count in (("AGD", 122), ("Hewan", 67), ("Pohon tumbang", 30), ("Kebakaran", 29), ("Lainnya", 128)):
        assert re.search(rf"{label}\s*│\s*{count}\b", plain), plain
    assert re.search(r"total\s*│\s*376\b", plain), plain


async def _assert_run_file_tells_everything(stack: Stack) -> None:
    file = stack.var / "run.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    run = stack.run
    assert set(run) == {"kafka", "services", "pids", "api_keys"}
    assert set(run["services"]) == SERVICES
    assert {"supervisor", "kafka", *SERVICES} <= set(run["pids"])
    assert {"laksa", "112", "whatsapp", "web", "social", "call_center"} == set(run["api_keys"])
    assert await stack.is_ready()


async def _assert_everything_is_counted(stack: Stack) -> None:
    answer = await stack.get("stats", CALLS_112)
    assert answer["total"] == CALLS_112_TANGERANG_2024.total
    assert {row["key"]: row["count"] for row in answer["rows"]} == TABLE
    async with httpx2.AsyncClient() as client:
        for page in (
            stack.url("stats") + "/",
            stack.url("intake") + "/docs",
            stack.url("notifier-emergency") + "/docs",
        ):
            assert (await client.get(page)).status_code == 200
        for service in SERVICES:
            assert "laksa_" in (await client.get(stack.url(service) + "/metrics")).text


async def _assert_a_killed_child_comes_back(stack: Stack, name: str) -> None:
    before = stack.run
    await asyncio.wait_for(stack.heals(name, stack.kill(name)), HEAL_SECONDS)
    after = stack.run
    assert (after["services"], after["kafka"], after["api_keys"]) == (
        before["services"],
        before["kafka"],
        before["api_keys"],
    )


async def _facts(stack: Stack) -> int:
    """The number of ``report.registered`` facts in Kafka, repeats included."""
    records = await read_all(KafkaSettings(bootstrap_servers=stack.run["kafka"]), "lifecycle.v1")
    return sum(dict(record.headers)["ce_type"].endswith(b"report.registered.v1") for record in records)


async def _send_one_call_of_2024(stack: Stack) -> None:
    body = {
        "text": "Ular di rumah",
        "category": "ANI-ULAR",
        "call_type": "normal",
        "mode": "backfill",
        "occurred_at": "2024-03-03T10:00:00+07:00",
        "source_reference": "the 377th",
    }
    async with httpx2.AsyncClient() as client:
        headers = {"X-API-Key": stack.api_keys["112"]}
        answer = await client.post(stack.url("intake") + "/v1/calls", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
