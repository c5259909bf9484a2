"""`laksa report` and `laksa tail`, and the examples of the README and of docs/consuming.md."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.processes.stack import PROJECT, Stack, data_folder, running_stack
from tests.support.waiting import eventually

ANSWER_SECONDS = 60.0
SUBSCRIBER = "DPUPR"  # the demo call centre does not acknowledge for it


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A pipeline without the reference data."""
    async with running_stack(tmp_path_factory.mktemp("stack")) as made:
        yield made


async def test_a_report_is_shown_up_to_its_acknowledgement(stack: Stack) -> None:
    """`laksa report` ends with 0 once a person has acknowledged, and shows who."""
    status, printed = await stack.run_to_its_end(
        "report",
        "--category",
        "FIR-KEBAKARAN",
        "--text",
        "Api di gudang",
        "--channel",
        "112",
        "--kecamatan",
        "KARAWACI",
    )
    assert status == 0, printed
    assert re.search(r"accepted: ticket \S+, report [0-9a-f-]{36}", printed)
    assert re.search(r"BPBD.*owner.*acknowledged", printed), printed


async def test_flags_are_shown_with_their_meanings(stack: Stack) -> None:
    """An unknown category is accepted, and the command explains its flag."""
    _, printed = await stack.run_to_its_end("report", "--category", "INF-XXX", "--text", "Lampu padam", "--wait", "1")
    assert "flag category_unknown: The category code is not in the taxonomy." in printed, printed


async def test_status_shows_every_process_as_ready(stack: Stack) -> None:
    """`laksa status` ends with 0 while all services are ready, and names each process of the run."""
    status, printed = await stack.run_to_its_end("status")
    assert status == 0, printed
    assert {line.split()[0] for line in printed.splitlines() if " yes " in line} == set(stack.run["pids"])
    assert "under way: " in printed


async def test_what_cannot_be_sent_is_said(stack: Stack) -> None:
    """A refused report exits with 1 and shows the status and the invalid field, never its value."""
    status, printed = await stack.run_to_its_end("report", "--text", "Lampu padam", "--phone", "6" * 41)
    assert (status, "422" in printed, "reporter.phone" in printed) == (1, True, True), printed
    assert "6" * 41 not in printed


async def test_a_department_sees_its_topic(stack: Stack) -> None:
    """`laksa tail` shows the report, its role and the reason; an unknown OPD gives the list of OPDs."""
    body = {"category": "INF-PJU", "text": "Lampu padam di Jl. Veteran"}
    async with httpx2.AsyncClient() as client:
        headers = {"X-API-Key": stack.api_keys["laksa"]}
        ticket = (await client.post(stack.url("intake") + "/v1/reports", json=body, headers=headers)).json()["ticket"]
    await stack.is_drained()
    status, printed = await stack.run_to_its_end("tail", "--opd", "dishub", "--no-follow")
    assert status == 0, printed
    assert re.search(rf"routine INF-PJU owner {ticket} Lampu padam di Jl\. Veteran", printed), printed
    assert re.search(r"ce_why: \S", printed)
    status, printed = await stack.run_to_its_end("tail", "--opd", "DISHUP", "--no-follow")
    assert (status, "There is no OPD DISHUP" in printed) == (1, True)


async def test_the_example_for_departments_works_as_printed(stack: Stack, tmp_path: Path) -> None:
    """The Python code of docs/consuming.md, with another address and department, reads and acknowledges a report."""
    page = (PROJECT / "docs" / "consuming.md").read_text(encoding="utf-8")
    example = next(
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "AIOKafkaConsumer" in block
    )
    script = tmp_path / "department.py"
    here = example.replace("127.0.0.1:9092", stack.run["kafka"]).replace("dishub", SUBSCRIBER.lower())
    script.write_text(here, encoding="utf-8")
    async with httpx2.AsyncClient() as client:
        headers = {"X-API-Key": stack.api_keys["laksa"]}
        body = {"category": "INF-JALAN", "text": "Jalan berlubang"}
        sent = (await client.post(stack.url("intake") + "/v1/reports", json=body, headers=headers)).json()
    with (tmp_path / "department.out").open("wb") as output:
        department = await asyncio.create_subprocess_exec(sys.executable, script, stdout=output, stderr=output)
    try:
        await eventually(lambda: _is_acknowledged(stack, sent["report_id"]), ANSWER_SECONDS)
    finally:
        department.terminate()
        await department.wait()


async def test_the_example_of_the_readme_works_as_printed(stack: Stack) -> None:
    """The README's shell lines, run in the folder that holds var/, send a report to wherever intake listens."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    example = next(block for block in re.findall(r"```\n(.*?)```", readme, re.DOTALL) if "curl" in block)
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", example, cwd=stack.var.parent, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await asyncio.wait_for(shell.communicate(), ANSWER_SECONDS)
    assert re.search(r"HTTP/1\.1 202.*\"status_url\"", printed.decode(), re.DOTALL), printed.decode()


async def test_nothing_runs_here(tmp_path: Path) -> None:
    """Without a running pipeline the commands say how to start one."""
    async with data_folder(tmp_path) as nothing:
        for command in (["report", "--text", "x"], ["tail", "--opd", "DISHUB"], ["status"]):
            status, printed = await nothing.run_to_its_end(*command)
            assert (status, "Start it with `make run`" in printed) == (1, True), printed


async def _is_acknowledged(stack: Stack, report_id: str) -> bool:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"{stack.url('stats')}/v1/reports/{report_id}")
    return answer.status_code == 200 and answer.json()["status"] == "acknowledged"
