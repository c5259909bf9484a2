"""The front door's client: its result for each response."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from tenacity import AsyncRetrying, RetryCallState

from services.cli import front_door
from services.cli.front_door import FrontDoor, Refused, TryAgain, pause_before
from services.cli.reference.synthetic_reports import ReferenceRequest
from services.cli.run.draining import waiting_records
from shared.domain.lanes import Channel
from tests.support.receivers import Behaviour, Receiver, answer, garbage, receiver, reset, unused_port

REPORT = ReferenceRequest(Channel.WEB, "report", {"text": "Lampu padam"})
CALL = ReferenceRequest(Channel.CALL_112, "call", {"text": "Api"})
KEYS = {"web": "key of web", "112": "key of 112"}


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    """A server in place of intake and stats."""
    async with receiver() as made:
        yield made


@pytest.fixture
async def door(server: Receiver) -> AsyncIterator[FrontDoor]:
    """A front door of this server."""
    async with aiohttp.ClientSession() as session:
        yield at(session, server.port)


def at(session: aiohttp.ClientSession, port: int) -> FrontDoor:
    """A front door of a port."""
    address = f"http://127.0.0.1:{port}"
    return FrontDoor(session, services={"intake": address, "stats": address}, api_keys=KEYS)


def problem(status: int, code: str = "x", headers: dict[str, str] | None = None, **fields: Any) -> Behaviour:
    """A problem response as intake and stats send it."""
    return answer(status, headers, orjson.dumps({"code": code, **fields}))


async def test_each_kind_goes_to_its_path_with_its_channels_key(server: Receiver, door: FrontDoor) -> None:
    """Reports go to /v1/reports and calls to /v1/calls with the channel's key; the 202's body is returned."""
    server.otherwise = answer(202, body=b'{"report_id": "7"}')
    assert await door.send(REPORT) == await door.send(CALL) == {"report_id": "7"}
    assert [(push.path, push.headers["x-api-key"], push.json) for push in server.pushes] == [
        ("/v1/reports", "key of web", REPORT.body),
        ("/v1/calls", "key of 112", CALL.body),
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 415, 422])
async def test_a_definite_no_is_refused_with_status_code_and_fields(
    server: Receiver, door: FrontDoor, status: int
) -> None:
    """A final refusal raises `Refused` with the status, the code and the invalid fields."""
    server.otherwise = problem(status, "invalid_report", errors=[{"field": "reporter.phone"}])
    with pytest.raises(Refused, match=rf"{status} invalid_report .*reporter\.phone"):
        await door.send(REPORT)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
async def test_not_now_is_try_again(server: Receiver, door: FrontDoor, status: int) -> None:
    """Responses that permit a retry (down, full, busy with the same report) raise `TryAgain`."""
    server.otherwise = problem(status)
    with pytest.raises(TryAgain, match=str(status)):
        await door.send(REPORT)


@pytest.mark.parametrize(
    ("header", "after"),
    [("0", 0.0), ("3", 3.0), ("86400", 10.0), ("-1", None), ("Wed, 31 Jul 2024 10:00:00 GMT", None), ("²", None)],
)
async def test_how_long_to_wait_is_taken_from_the_answer(
    server: Receiver, door: FrontDoor, header: str, after: float | None
) -> None:
    """The pause is Retry-After in seconds, at most ten, because an hour would look like a hang; dates are ignored."""
    server.otherwise = problem(503, headers={"Retry-After": header})
    with pytest.raises(TryAgain) as wait:
        await door.send(REPORT)
    assert wait.value.after == after


@pytest.mark.parametrize(
    "behaviour", [garbage, reset, answer(200, body=b"<html>"), answer(202, body=b"\xff")], ids=range(4)
)
async def test_what_is_no_answer_is_try_again(server: Receiver, door: FrontDoor, behaviour: Behaviour) -> None:
    """A closed connection or an invalid response raises `TryAgain`: a repeat is safe."""
    server.otherwise = behaviour
    with pytest.raises(TryAgain):
        await door.send(REPORT)


async def test_nobody_there_is_try_again() -> None:
    """A refused connection raises `TryAgain` in all three calls."""
    async with aiohttp.ClientSession() as session:
        door = at(session, unused_port())
        for asked in (door.send(REPORT), door.ask_stats("/v1/conservation"), door.read_metrics("intake")):
            with pytest.raises(TryAgain):
                await asked


@pytest.mark.parametrize("body", [b"", b"Not Found", b"[]", b'"x"', b"\xff"])
async def test_a_refusal_without_a_problem_is_still_one(server: Receiver, door: FrontDoor, body: bytes) -> None:
    """A refusal without a problem body, as from a proxy, is judged by its status."""
    server.otherwise = answer(404, body=body)
    with pytest.raises(Refused, match="404"):
        await door.send(REPORT)


async def test_what_stats_does_not_know_yet_is_asked_again(server: Receiver, door: FrontDoor) -> None:
    """A 404 with ``not_yet_known`` raises `TryAgain`, another 404 `Refused`."""
    server.behaviours = [problem(404, "not_yet_known"), problem(404, "unknown_report")]
    with pytest.raises(TryAgain):
        await door.ask_stats("/v1/reports/7")
    with pytest.raises(Refused):
        await door.ask_stats("/v1/reports/7")


async def test_metrics_are_text(server: Receiver, door: FrontDoor) -> None:
    """Metrics are returned as text in the format of Prometheus."""
    server.otherwise = answer(200, {"Content-Type": "text/plain"}, b'laksa_outbox_records{topic="x"} 2.0\n')
    assert waiting_records(await door.read_metrics("intake")) == 2


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_an_error_page_is_no_metrics(server: Receiver, door: FrontDoor, status: int) -> None:
    """An error page raises an error: without metrics it would look like nothing waiting."""
    server.otherwise = answer(status)
    with pytest.raises(TryAgain):
        await door.read_metrics("intake")


async def test_sending_goes_on_until_it_is_accepted(
    server: Receiver, door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each `TryAgain` is followed by a retry with the same body, and the 202's body is returned."""
    monkeypatch.setattr(front_door, "FIRST_PAUSE", 0.002)
    server.behaviours = [problem(503, "too_busy", {"Retry-After": "0"}), reset, problem(409, "in_progress")]
    server.otherwise = answer(202, body=b'{"report_id": "7"}')
    assert await door.send_until_accepted(REPORT) == {"report_id": "7"}
    assert [push.json for push in server.pushes] == [REPORT.body] * 4


async def test_sending_ends_when_its_time_is_up(
    server: Receiver, door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time limit, the last `TryAgain` is raised."""
    monkeypatch.setattr(front_door, "FIRST_PAUSE", 0.01)
    server.otherwise = problem(503, "unavailable")
    with pytest.raises(TryAgain, match="503 unavailable"):
        await door.send_until_accepted(REPORT, seconds=0.1)
    assert len(server.pushes) > 1


async def test_a_definite_no_is_not_tried_again(server: Receiver, door: FrontDoor) -> None:
    """A 422 is raised without a retry."""
    server.otherwise = problem(422, "invalid")
    with pytest.raises(Refused):
        await door.send_until_accepted(REPORT)
    assert len(server.pushes) == 1


@pytest.mark.parametrize(("asked", "at_least"), [(None, 0.2), (3.0, 3.0)])
def test_those_refused_together_do_not_come_again_together(asked: float | None, at_least: float) -> None:
    """The pause is Retry-After or a growing one, with jitter between senders."""

    def pause(tries: int) -> float:
        state = RetryCallState(AsyncRetrying(), None, (), {})
        state.attempt_number = tries
        state.set_exception((TryAgain, TryAgain("503", asked), None))
        return pause_before(state)

    first = {pause(1) for _ in range(20)}
    assert len(first) > 1
    assert at_least <= min(first) <= max(first) <= at_least + front_door.FIRST_PAUSE
    assert pause(10) <= max(front_door.LONGEST_PAUSE, at_least + front_door.FIRST_PAUSE)
