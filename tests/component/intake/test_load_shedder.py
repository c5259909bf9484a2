"""Above the limit, routine reports are refused and emergencies are accepted."""

import asyncio
from pathlib import Path

from shared.domain.lanes import Lane
from tests.support.apps.intake_app import IntakeApp, intake_app
from tests.support.waiting import eventually


async def test_past_the_limit_a_routine_report_is_told_to_come_again(tmp_path: Path) -> None:
    """I4, class 14: 503 with Retry-After as a problem, counted; a fire and a call are still accepted."""
    async with intake_app(tmp_path, reports_in_hand=1) as intake:
        async with intake.parts.files[Lane.ROUTINE].writing():
            first = asyncio.create_task(intake.report(category="INF-PJU"))
            await eventually(lambda: intake.counted("laksa_reports_in_hand") == 1)
            refused = await intake.report(category="INF-PJU", headers={"traceparent": f"00-{7:032x}-{7:016x}-01"})
            fire, call = await intake.report(category="FIR-KEBAKARAN"), await intake.call()
        assert (refused.status_code, int(refused.headers["retry-after"])) == (503, 2)
        assert refused.headers["content-type"] == "application/problem+json"
        problem = refused.json()
        assert set(problem) == {"type", "title", "status", "detail", "code", "errors", "trace_id"}
        assert (problem["status"], problem["code"], problem["trace_id"]) == (503, "too_busy", f"{7:032x}")
        assert _counted(intake, "too_busy") == 1
        assert [answer.status_code for answer in (await first, fire, call)] == [202, 202, 202]
        assert (await intake.report(category="INF-PJU")).status_code == 202


def _counted(intake: IntakeApp, result: str) -> float:
    return intake.counted("laksa_reports_received_total", channel="laksa", lane="unknown", result=result)
