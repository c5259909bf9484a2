"""`laksa report`: its request, the end of the wait, and the display of a report's history."""

from typing import Any

import pytest
from rich.console import Console

from services.cli.inspect.reporting import Draft, flag_lines, is_settled, life_of
from shared.domain.lanes import Channel

HOSTILE = "\x1b[2J\x07[/] [red]Sari[/red]"


def standing(outcome: str | None = "routed", *states: str, by: str | None = "Sari") -> dict[str, Any]:
    """The response of stats for a report with a delivery in each of these states."""
    pushes = [{"endpoint": "bpbd-callcentre", "state": state, "attempts": 2, "acknowledged_by": by} for state in states]
    return {
        "status": "new",
        "public_status": "menunggu",
        "outcome": outcome,
        "rule": "category",
        "why": "a fire is BPBD's",
        "owner": "BPBD",
        "targets": [{"opd": "BPBD", "role": "owner", "deliveries": pushes}],
        "history": [{"at": "2024-07-31T10:00:00Z", "what": "registered", "by": "intake", "opd": None}],
    }


def printed(report: dict[str, Any] | None) -> str:
    """The printed text of a report's history."""
    console = Console(width=120)
    with console.capture() as text:
        console.print(life_of(report))
    return text.get()


@pytest.mark.parametrize("state", ["pending", "delivered", "failed", "escalated"])
def test_a_report_that_nobody_has_acknowledged_is_waited_for(state: str) -> None:
    """The command waits in every state of a delivery but acknowledged."""
    assert not is_settled(standing("routed", state))
    assert is_settled(standing("routed", state, "acknowledged"))


def test_who_is_only_informed_does_not_answer_for_the_owner() -> None:
    """An acknowledgement by an informed department does not settle the owner's report."""
    report = standing("routed", "retrying")
    pln = [{"endpoint": "pln-callcentre", "state": "acknowledged", "attempts": 1, "acknowledged_by": "Budi"}]
    report["targets"].append({"opd": "PLN", "role": "informed", "deliveries": pln})
    assert not is_settled(report)


def test_a_report_that_ended_at_the_router_is_not_waited_for() -> None:
    """A report that ended at the router, such as a prank call, is settled."""
    assert is_settled(standing("ended"))
    assert is_settled(standing("rejected"))
    assert not is_settled(standing(None))


def test_a_life_names_departments_deliveries_and_steps() -> None:
    """The output has the status, the reason, each delivery with its attempts, and each step with its author."""
    text = printed(standing("routed", "acknowledged"))
    assert "new (menunggu)" in text
    assert "category: a fire is BPBD's" in text
    assert [cell.strip() for cell in next(line for line in text.splitlines() if "owner" in line).split("│")][1:-1] == [
        "BPBD",
        "owner",
        "bpbd-callcentre",
        "acknowledged",
        "2",
        "Sari",
    ]
    assert text.splitlines()[-1].split() == ["2024-07-31T10:00:00Z", "registered", "intake"]


def test_a_department_without_a_delivery_yet_is_shown_as_pending() -> None:
    """A department without a delivery yet is shown as pending."""
    assert "pending" in printed(standing("routed"))


def test_before_stats_knows_it_there_is_something_to_see() -> None:
    """Before stats knows the report, the output says that it is on its way."""
    assert "on its way" in printed(None)


@pytest.mark.parametrize("where", ["by", "why", "status", "what"])
def test_what_others_wrote_is_shown_harmlessly(where: str) -> None:
    """Markup such as "[/]" is shown as text, and no control character reaches the terminal."""
    report = standing("routed", "acknowledged", by=HOSTILE if where == "by" else "Sari")
    if where in report:
        report[where] = HOSTILE
    if where == "what":
        report["history"][0]["what"] = HOSTILE
    text = printed(report)
    assert "[/] [red]Sari[/red]" in text
    assert "\x1b[2J" not in text
    assert "\x07" not in text


def test_each_flag_is_shown_with_its_meaning() -> None:
    """Each flag is shown with its meaning; unknown and hostile flags are shown as safe text."""
    lines = [line.plain for line in flag_lines({"flags": ["category_unknown", HOSTILE]})]
    assert lines[0].startswith("flag category_unknown: The category code is not in the taxonomy.")
    assert lines[1].endswith("[/] [red]Sari[/red]: This version does not know the flag.")
    assert "\x1b" not in lines[1]


def test_without_flags_nothing_is_shown_of_them() -> None:
    """Without flags, no flag lines are shown, also if intake's response has no such field."""
    assert flag_lines({"flags": []}) == flag_lines({}) == []


def test_only_what_was_typed_is_sent() -> None:
    """Options that were not given are omitted from the body, not sent as null or as an empty object."""
    draft = Draft("Lampu padam", None, Channel.LAKSA, None, None, None, None)
    assert draft.request().body == {"text": "Lampu padam"}
    assert draft.request().kind == "report"


def test_by_112_it_is_a_call() -> None:
    """For 112, the request is a call with a caller and a type."""
    typed = ("Api", "FIR-KEBAKARAN"), ("KARAWACI", "Pasar", "Sari", "+6280012345678")
    call = Draft(*typed[0], Channel.CALL_112, *typed[1]).request()
    assert (call.kind, call.body["call_type"]) == ("call", "normal")
    assert call.body["caller"] == {"name": "Sari", "phone": "+6280012345678"}
    assert call.body["place"] == {"kecamatan": "KARAWACI", "landmark": "Pasar"}
    assert "reporter" not in call.body
    report = Draft(*typed[0], Channel.WEB, *typed[1]).request()
    assert report.body["reporter"] == call.body["caller"]
    assert {"caller", "call_type"}.isdisjoint(report.body)
