"""A repeat is one report, and another body with the same name is never treated as a repeat."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.lanes import Lane
from tests.support.apps.intake_app import IntakeApp, intake_app

FIFTY = 50


async def ids(intake: IntakeApp) -> list[str]:
    """The event ids of all submitted reports."""
    return [one.headers["ce_id"] for one in await intake.spooled("reports.")]


@pytest.mark.parametrize("named", [{"source_reference": "A-1"}, {}])
async def test_fifty_at_once_are_one_report(intake: IntakeApp, named: dict[str, str]) -> None:
    """I3: fifty concurrent repeats by reference or Idempotency-Key get the same bytes."""
    headers = {} if named else {"Idempotency-Key": "K-1"}
    answers = await asyncio.gather(*(intake.report(headers=headers, **named) for _ in range(FIFTY)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len(await ids(intake)) == 1


async def test_without_a_name_each_is_a_report(intake: IntakeApp) -> None:
    """Without a name, equal bodies are different reports."""
    answers = [await intake.report() for _ in range(2)]
    assert len({answer.json()["report_id"] for answer in answers}) == 2


async def test_another_body_is_refused_by_the_strict_policy(intake: IntakeApp) -> None:
    """I3, class 11: 422, and the first report is unchanged."""
    await intake.report(source_reference="A-1")
    refused = await intake.report(source_reference="A-1", text="Lain")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")
    assert len(await ids(intake)) == 1


async def test_the_same_name_of_another_channel_is_another(intake: IntakeApp) -> None:
    """The same reference of two channels gives two reports."""
    first, second = await intake.report(source_reference="A-1"), await intake.report("112", source_reference="A-1")
    assert first.json()["report_id"] != second.json()["report_id"]


async def test_a_reference_and_a_key_are_two_things(intake: IntakeApp) -> None:
    """A key and a reference with the same text are different names."""
    first = await intake.report(source_reference="A-1")
    second = await intake.report(headers={"Idempotency-Key": "A-1"})
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["report_id"] != second.json()["report_id"]


async def test_a_call_system_that_restarts_its_numbers_loses_no_call(intake: IntakeApp) -> None:
    """Class 11: another call under a used reference is a new, flagged report; each repeat finds its own."""
    bodies: list[dict[str, Any]] = [{"text": text, "source_reference": "1"} for text in ("kebakaran", "banjir", "ular")]
    first = [await intake.call(**body) for body in bodies]
    again = [await intake.call(**body) for body in bodies]
    assert [answer.json()["flags"] for answer in first] == [[], ["reference_reused"], ["reference_reused"]]
    assert [answer.content for answer in again] == [answer.content for answer in first]
    assert len({answer.json()["report_id"] for answer in first}) == 3
    assert len(await ids(intake)) == 3


@pytest.mark.parametrize("first", ["FIR-KEBAKARAN", "INF-PJU"])
async def test_a_name_is_known_in_both_lanes(intake: IntakeApp, first: str) -> None:
    """A reference used in one lane is recognised in the other."""
    second = {"FIR-KEBAKARAN": "INF-PJU", "INF-PJU": "FIR-KEBAKARAN"}[first]
    await intake.report(category=first, source_reference="A-1")
    assert (await intake.report(category=second, source_reference="A-1")).status_code == 422
    calls = [await intake.call(call_type=kind, source_reference="A-1") for kind in ("normal", "prank")]
    assert calls[1].json()["flags"] == ["reference_reused"]
    assert calls[0].json()["report_id"] != calls[1].json()["report_id"]
    assert [one.lane for one in await intake.spooled("reports.")].count(Lane.EMERGENCY) >= 1


async def test_spacing_and_order_make_no_other_body(intake: IntakeApp) -> None:
    """Spacing and key order do not change the body."""
    bodies = [b'{"text": "a", "source_reference": "A-1"}', b'{ "source_reference":"A-1",\n"text":"\\u0061" }']
    answers = [await intake.raw("/v1/reports", body) for body in bodies]
    assert answers[0].content == answers[1].content
    assert len(await ids(intake)) == 1


async def test_memory_outlives_the_process(tmp_path: Path) -> None:
    """I3: after a restart a repeat gets the first answer, in either lane."""
    async with intake_app(tmp_path) as intake:
        before = [await intake.report(source_reference="A-1"), await intake.call(source_reference="C-1")]
    async with intake_app(tmp_path) as intake:
        after = [await intake.report(source_reference="A-1"), await intake.call(source_reference="C-1")]
        assert [answer.content for answer in after] == [answer.content for answer in before]
        assert len(await ids(intake)) == 2


async def test_after_seven_days_a_name_is_forgotten_but_not_the_report(tmp_path: Path) -> None:
    """I3: after 7 days the same body gives the same events again."""
    async with intake_app(tmp_path) as intake:
        first = await intake.report(source_reference="A-1", category="INF-PJU")
    with sqlite3.connect(tmp_path / "spool" / "routine.db") as file:
        file.execute("UPDATE requests SET accepted_at = accepted_at - 7 * 86400 - 1")
    async with intake_app(tmp_path) as intake:
        routine = intake.parts.files[Lane.ROUTINE]
        async with asyncio.timeout(10):
            while True:
                with sqlite3.connect(routine.path) as file:
                    if file.execute("SELECT count(*) FROM requests").fetchone() == (0,):
                        break
                await asyncio.sleep(0.02)
        again = await intake.report(source_reference="A-1", category="INF-PJU")
        assert again.content == first.content
        assert len(await ids(intake)) == 2
        assert len(set(await ids(intake))) == 1


async def test_a_repeat_that_waits_too_long_is_told_to_come_again(intake: IntakeApp) -> None:
    """I3: while the first request is stuck, a repeat waits a second and gets 409 with Retry-After."""
    file = intake.parts.files[Lane.ROUTINE]
    async with file.writing():
        twins = [asyncio.create_task(intake.report(source_reference="A-1", category="INF-PJU")) for _ in range(2)]
        (told,), (stuck,) = await asyncio.wait(twins, return_when=asyncio.FIRST_COMPLETED)
        refused = told.result()
        assert (refused.status_code, refused.json()["code"]) == (409, "in_progress")
        assert int(refused.headers["retry-after"]) >= 1
    accepted = await stuck
    assert accepted.status_code == 202
    assert (await intake.report(source_reference="A-1", category="INF-PJU")).content == accepted.content


@pytest.mark.parametrize("key", ["k" * 201, "ключ".encode()])
async def test_a_key_that_is_none(intake: IntakeApp, key: str | bytes) -> None:
    """The strict policy refuses an invalid key, the lenient one flags and ignores it; a blank key counts as missing."""
    headers: dict[str, Any] = {"Idempotency-Key": key}
    refused = await intake.report(headers=headers)
    assert refused.json()["errors"] == [{"path": "Idempotency-Key", "code": "not_a_key"}]
    assert (await intake.call(headers=headers)).json()["flags"] == ["idempotency_key_ignored"]
    assert (await intake.report(headers={"Idempotency-Key": " "})).status_code == 202


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(["FIR-KEBAKARAN", "INF-PJU", None])), max_size=12))
async def test_any_order_of_sending_gives_one_event_per_body(
    intake: IntakeApp, sent: list[tuple[str, str | None]]
) -> None:
    """I3: of several bodies with one name, sent concurrently and again, exactly one is accepted once."""
    run = json.dumps(len(await ids(intake)))
    known = set(await ids(intake))
    answers = await asyncio.gather(
        *(intake.report(category=category, source_reference=f"{run}-{name}") for name, category in sent)
    )
    new = [one for one in await ids(intake) if one not in known]
    accepted = {answer.json()["report_id"] for answer in answers if answer.status_code == 202}
    assert {answer.status_code for answer in answers} <= {202, 422}
    assert len(accepted) == len(new) == len(set(new)) == len({name for name, _ in sent})
