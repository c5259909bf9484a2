"""Reports and calls over HTTP: the response, and the records in the spool."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.domain.lanes import Lane
from tests.support.apps.intake_app import NOW, IntakeApp, intake_app
from tests.support.processes.intake_process import KEYS
from tests.support.waiting import eventually


def problem_of(answer: httpx2.Response) -> dict[str, Any]:
    """The problem document of a response; checks the fields that every problem has."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "errors", "trace_id"}
    assert problem["status"] == answer.status_code
    assert len(problem["trace_id"]) == 32
    return problem


async def test_a_report_is_accepted_while_kafka_is_down(intake: IntakeApp) -> None:
    """I1, I5: 202 with id, ticket and status_url, and exactly both events are on disk."""
    answer = await intake.report(category="INF-PJU", source_reference="A-1")

    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt["status_url"] == f"http://stats.test/v1/reports/{receipt['report_id']}"
    assert receipt["ticket"].startswith("LKS-")
    assert receipt["flags"] == []
    submitted, registered = await intake.spooled()
    assert (submitted.topic, registered.topic) == ("reports.routine.v1", "lifecycle.v1")
    assert submitted.event["report_id"] == registered.event["report_id"] == receipt["report_id"]
    assert (await intake.client.get("/health/ready")).status_code == 503


async def test_lanes_have_files_of_their_own(intake: IntakeApp) -> None:
    """A fire and a 112 call take the emergency lane, a street lamp the routine lane."""
    await intake.report(category="FIR-KEBAKARAN")
    await intake.report(category="INF-PJU")
    await intake.call()
    lanes = [one.lane for one in await intake.spooled("reports.")]
    assert lanes == [Lane.EMERGENCY, Lane.EMERGENCY, Lane.ROUTINE]


async def test_the_servers_clock_is_received_at(intake: IntakeApp) -> None:
    """I8: received_at is the server's time; the channel's time is kept as data."""
    await intake.report(occurred_at="2026-11-23T10:00:00+07:00")
    event = (await intake.spooled("reports."))[0].event
    assert event["received_at"] == NOW.isoformat().replace("+00:00", "Z")
    assert event["occurred_at"] == "2026-11-23T03:00:00Z"


async def test_the_clients_trace_goes_on(intake: IntakeApp) -> None:
    """The client's trace continues in the events, and problems contain its id."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    await intake.report(headers=sent)
    assert {one.headers["traceparent"][3:35] for one in await intake.spooled()} == {trace}
    assert problem_of(await intake.report(text="", headers=sent))["trace_id"] == trace


async def test_a_definite_refusal_leaves_nothing(intake: IntakeApp) -> None:
    """I2: a 4xx stores no event, and the problem names field and code but not the value."""
    answer = await intake.report(place={"latitude": 500, "longitude": 106.6}, reporter={"phone": "0812\x00345"})
    problem = problem_of(answer)
    assert (answer.status_code, problem["code"]) == (422, "invalid")
    assert problem["errors"] == [{"path": "reporter.phone", "code": "control_characters"}]
    assert "0812" not in answer.text
    assert await intake.spooled() == []
    assert intake.counted("laksa_reports_received_total", channel="laksa", lane="unknown", result="invalid") == 1


async def test_an_emergency_is_saved_where_a_report_is_refused(intake: IntakeApp) -> None:
    """The same faults on /v1/calls give 202, and both events carry the flags."""
    answer = await intake.call(place={"latitude": 500, "longitude": 106.6}, caller={"phone": "0812\x00345"}, extra=1)
    assert answer.status_code == 202
    assert set(answer.json()["flags"]) == {"location_suspect", "controls_removed", "extra_ignored"}
    for one in await intake.spooled():
        assert set(one.event["flags"]) == {"location_suspect", "controls_removed", "extra_ignored"}


@pytest.mark.parametrize("body", [b"{broken", b"[" * 60_000, b'{"text": "\xff"}', b"[]", b""])
async def test_an_unreadable_call_is_refused_and_kept(intake: IntakeApp, body: bytes) -> None:
    """Class 1: 400, and the bytes are kept for the supervisor; a repeat adds nothing."""
    for _ in range(2):
        assert problem_of(await intake.raw("/v1/calls", body))["code"] == "malformed"
    first, again = await intake.spooled()
    assert (first.topic, first.value) == ("reports.emergency.v1", body)
    assert first.headers["ce_type"].endswith("report.unreadable.v1")
    assert first.headers["ce_id"] == again.headers["ce_id"]


async def test_an_unreadable_report_is_only_refused(intake: IntakeApp) -> None:
    """Class 1, routine: 400 and nothing is stored."""
    assert problem_of(await intake.raw("/v1/reports", b"{broken"))["code"] == "malformed"
    assert await intake.spooled() == []


@pytest.mark.parametrize("path", ["/v1/reports", "/v1/calls"])
@pytest.mark.parametrize("key", [None, "", "wrong", "key-of-laks", "ключ".encode()])
async def test_nobody_gets_in_without_a_key(intake: IntakeApp, path: str, key: str | bytes | None) -> None:
    """Class 12, I7: 401 with the same body for all, and nothing is stored."""
    headers: dict[str, Any] = {} if key is None else {"X-API-Key": key}
    answer = await intake.client.post(path, json={"text": "a", "call_type": "normal"}, headers=headers)
    problem = problem_of(answer)
    problem.pop("trace_id")
    assert problem == {
        "type": "urn:problem-type:laksa:unauthorized",
        "title": "No valid credentials",
        "status": 401,
        "detail": "Send your channel's key in X-API-Key.",
        "code": "unauthorized",
        "errors": [],
    }
    assert await intake.spooled() == []


async def test_what_a_channel_may_do_is_its_scopes(intake: IntakeApp) -> None:
    """Class 12: calls, backfill and exercise need a scope; the refusals are identical."""
    refused = [
        await intake.raw("/v1/calls", b"{broken", key="laksa"),
        await intake.report(mode="backfill"),
        await intake.report(mode="exercise"),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert len({str({**problem_of(answer), "trace_id": ""}) for answer in refused}) == 1
    assert await intake.spooled() == []
    assert (await intake.report("112", mode="backfill")).status_code == 202
    assert (await intake.call(mode="exercise")).status_code == 202
    assert {one.headers["ce_mode"] for one in await intake.spooled()} == {"backfill", "exercise"}
    assert intake.counted("laksa_auth_failures_total", channel="laksa", operation="calls") == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": ""}, 415),
        ({"content_type": "application/json; charset=utf-16"}, 415),
        ({"content_encoding": "gzip"}, 415),
        ({"content_encoding": "br"}, 415),
        ({"content_type": "application/json; charset=UTF-8"}, 202),
        ({"content_type": "Application/JSON"}, 202),
        ({"content_encoding": "identity"}, 202),
    ],
)
async def test_only_plain_json_is_read(intake: IntakeApp, headers: dict[str, str], status: int) -> None:
    """Classes 4 and 5: another media type, another charset and compressed bodies are 415."""
    assert (await intake.raw("/v1/reports", b'{"text": "a"}', **headers)).status_code == status


async def test_an_endless_body_is_cut_off_while_it_comes(intake: IntakeApp) -> None:
    """Class 4, I6: reading stops at 64 KiB, also without a declared length."""
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 8_192

    answer = await intake.raw("/v1/calls", endless())
    assert (answer.status_code, problem_of(answer)["code"]) == (413, "too_large")
    assert taken < 12
    assert (await intake.raw("/v1/reports", b" " * 65_537)).status_code == 413
    assert (await intake.raw("/v1/reports", b'{"text": "a"}' + b" " * 65_523)).status_code == 202


async def test_a_slow_body_is_not_waited_for(tmp_path: Path) -> None:
    """Class 4: 408 after the configured time, and nothing is stored."""

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"text": '
        await asyncio.Event().wait()

    async with intake_app(tmp_path, body_timeout=timedelta(milliseconds=100)) as intake:
        answer = await intake.raw("/v1/calls", slow())
        assert (answer.status_code, problem_of(answer)["code"]) == (408, "too_slow")
        assert await intake.spooled() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/reports", 405),
        ("DELETE", "/v1/calls", 405),
        ("POST", "/health/live", 405),
        ("GET", "/", 404),
        ("POST", "/v1/reports//", 404),
        ("POST", "/v1/%00", 404),
    ],
)
async def test_unknown_paths_and_methods_are_problems(intake: IntakeApp, method: str, path: str, status: int) -> None:
    """Class 5: 404, and 405 with Allow."""
    answer = await intake.client.request(method, path, headers={"X-API-Key": KEYS["112"]})
    assert (answer.status_code, problem_of(answer)["status"]) == (status, status)
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_routine_report_waits_outside_a_spool_that_is_full(tmp_path: Path) -> None:
    """I5: past 70 % of the limit, 503 with Retry-After for routine reports, and 202 for emergencies."""
    async with intake_app(tmp_path, spool_limit=1_000) as intake:
        await eventually(lambda: not intake.parts.spools[Lane.ROUTINE].has_room)
        refused = await intake.report(category="INF-PJU")
        assert (refused.status_code, problem_of(refused)["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await intake.call()).status_code == 202
        assert (await intake.report(category="FIR-KEBAKARAN")).status_code == 202


async def test_the_documents_describe_what_is_sent(intake: IntakeApp) -> None:
    """OpenAPI documents the bodies without dangling references; AsyncAPI documents the topics."""
    openapi = (await intake.client.get("/openapi.json")).json()
    for path in ("/v1/reports", "/v1/calls"):
        operation = openapi["paths"][path]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert {"category", "text", "place", "source_reference", "occurred_at", "mode"} <= set(schema["properties"])
        assert "#/$defs" not in str(operation)
        assert set(operation["responses"]) == {
            *("202", "400", "401", "403", "404", "405"),
            *("408", "409", "413", "415", "422", "503"),
        }
    asyncapi = (await intake.client.get("/asyncapi")).json()
    assert "channels.channel.v1" in asyncapi["channels"]


async def test_what_ops_ask_for_is_measured(intake: IntakeApp) -> None:
    """Reports by channel, lane and result, the spool's size, and requests by route."""
    await intake.report(category="INF-PJU", source_reference="x")
    await intake.report(category="INF-PJU", source_reference="x")
    counted = {
        result: intake.counted("laksa_reports_received_total", channel="laksa", lane="routine", result=result)
        for result in ("accepted", "repeated")
    }
    assert counted == {"accepted": 1, "repeated": 1}
    text = (await intake.client.get("/metrics")).text
    assert 'laksa_http_requests_total{method="POST",route="/v1/reports",status="202"} 2.0' in text
    assert 'laksa_spool_used_bytes{lane="emergency"}' in text
