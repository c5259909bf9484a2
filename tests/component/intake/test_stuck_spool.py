"""A disk that is too slow counts as down; later requests are accepted."""

import pytest

from services.intake import spool
from shared.domain.lanes import Lane
from tests.support.apps.intake_app import IntakeApp


async def test_a_commit_that_takes_too_long_is_a_503(intake: IntakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """I5, F08: a slow commit is a 503, never a 202; a repeat with the reference is one report."""
    with monkeypatch.context() as hurried:
        hurried.setattr(spool, "SUBMIT_SECONDS", 1.0)
        async with intake.parts.files[Lane.ROUTINE].writing():
            refused = await intake.report(category="INF-PJU", source_reference="A-1")
            beside = await intake.report(category="FIR-KEBAKARAN")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert beside.status_code == 202

    again = await intake.report(category="INF-PJU", source_reference="A-1")

    assert again.status_code == 202
    assert len(await intake.spooled("reports.routine")) == 1
