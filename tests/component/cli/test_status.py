"""``laksa status``: which processes are alive and ready, with the reasons, and its exit code."""

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from services.cli.inspect.status import ProcessStatus, failed_checks, show_status
from services.cli.layout import Layout
from services.cli.run_file import RunInfo, write_run_file
from shared.errors import ConfigurationError
from tests.support.receivers import unused_port

ACCOUNTS = {"emergency": {"accepted": 7, "difference": 2}, "routine": {"accepted": 3, "difference": 0}}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A ready intake and stats below ``/good``, and an unready intake below ``/bad``."""

    async def ready(request: web.Request) -> web.Response:
        is_good = request.match_info["service"] == "good"
        body = {"ready": is_good, "checks": {"kafka": "no answer for 12 s\x1b[2J", "spool": "ok"}}
        return web.json_response(body, status=200 if is_good else 503)

    async def conservation(_request: web.Request) -> web.Response:
        return web.json_response(ACCOUNTS)

    app = web.Application()
    app.add_routes([web.get("/{service}/health/ready", ready), web.get("/{service}/v1/conservation", conservation)])
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


async def shown(tmp_path: Path, services: dict[str, str], **pids: int) -> tuple[int, str]:
    """The exit code and the output for a run of these services."""
    layout = Layout(tmp_path)
    kafka = f"127.0.0.1:{unused_port()}"
    write_run_file(layout, RunInfo(kafka, services, {"supervisor": os.getpid(), **pids}, {}))
    console = Console(file=io.StringIO(), width=160)
    code = await show_status(layout, console)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def line_of(name: str, printed: str) -> list[str]:
    """The words of a process's line."""
    return next(line.split() for line in printed.splitlines() if line.startswith(name))


async def test_all_ready_is_zero(tmp_path: Path, url: str) -> None:
    """With all processes ready, it exits with 0 and prints a line for each, and the accounts of both lanes."""
    code, printed = await shown(tmp_path, {"stats": f"{url}/good"}, kafka=os.getpid(), stats=os.getpid())
    assert code == 0, printed
    assert line_of("kafka", printed) == ["kafka", str(os.getpid()), "yes", "-"]
    assert line_of("stats", printed) == ["stats", str(os.getpid()), "yes", "yes"]
    assert "emergency lane: 7 accepted, 2 of them without a decision yet" in printed
    assert "under way: unknown" in printed  # this run is without Kafka


async def test_a_service_that_is_not_ready_is_one_with_its_reasons(tmp_path: Path, url: str) -> None:
    """An unready service gives 1, and its failed checks are shown without control characters."""
    services = {"intake": f"{url}/bad", "stats": f"{url}/good"}
    code, printed = await shown(tmp_path, services, intake=os.getpid(), stats=os.getpid())
    assert code == 1
    assert line_of("intake", printed)[2:4] == ["yes", "no"]
    assert "kafka: no answer for 12 s" in printed
    assert "\x1b[2J" not in printed


async def test_a_service_without_an_answer_is_not_ready(tmp_path: Path) -> None:
    """A live service that does not answer is not ready; without stats, the accounts are unknown."""
    nowhere = f"http://127.0.0.1:{unused_port()}"
    code, printed = await shown(tmp_path, {"stats": nowhere, "intake": nowhere}, stats=os.getpid())
    assert code == 1
    assert line_of("stats", printed)[2:4] == ["yes", "no"]
    assert line_of("intake", printed)[1:4] == ["-", "no", "no"]
    assert "accounts: unknown, stats does not answer" in printed


async def test_a_process_that_has_ended_is_one(tmp_path: Path, url: str) -> None:
    """A process that has ended gives 1, although no service is unready."""
    pid = _ended()
    code, printed = await shown(tmp_path, {"stats": f"{url}/good"}, stats=os.getpid(), kafka=pid)
    assert (code, line_of("kafka", printed)[2]) == (1, "no")


async def test_nothing_runs(tmp_path: Path) -> None:
    """Without a run the error says how to start one."""
    with pytest.raises(ConfigurationError, match=r"Nothing runs on .* Start it with `make run`"):
        await show_status(Layout(tmp_path), Console(file=io.StringIO()))


def test_readiness_that_cannot_be_asked_does_not_count_against_a_process() -> None:
    """A process without a readiness check counts as good; an unready one does not."""
    assert ProcessStatus("kafka", 1, is_alive=True, is_ready=None, reasons=()).is_good
    assert not ProcessStatus("stats", 1, is_alive=True, is_ready=False, reasons=()).is_good
    assert not ProcessStatus("stats", 1, is_alive=False, is_ready=True, reasons=()).is_good


def test_a_body_that_is_no_answer_of_ours_has_no_reasons() -> None:
    """A body of another form, as from a proxy, has no reasons."""
    assert failed_checks({}) == failed_checks({"checks": "none"}) == ()


def _ended() -> int:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    return pid
