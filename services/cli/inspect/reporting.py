"""``laksa report``: sends one report and shows its history until the acknowledgement."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.cli.front_door import FrontDoor, TryAgain
from services.cli.layout import Layout
from services.cli.printable import printable
from services.cli.reference.synthetic_reports import ReferenceRequest
from services.cli.run_file import read_run_file
from shared.domain.flags import meaning_of
from shared.domain.lanes import CallType, Channel
from shared.errors import LaksaError

POLL_SECONDS = 0.25
SEND_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Draft:
    """The options of the command."""

    text: str
    category: str | None
    channel: Channel
    kecamatan: str | None
    landmark: str | None
    name: str | None
    phone: str | None

    def request(self) -> ReferenceRequest:
        """The path and the body of the channel's request."""
        location = {"kecamatan": self.kecamatan, "landmark": self.landmark}
        person = {"name": self.name, "phone": self.phone}
        is_call = self.channel is Channel.CALL_112
        body: dict[str, Any] = {
            "category": self.category,
            "text": self.text,
            "place": _known(location),
            "caller" if is_call else "reporter": _known(person),
        }
        if is_call:
            body["call_type"] = CallType.NORMAL
        return ReferenceRequest(self.channel, "call" if is_call else "report", _known(body))


async def follow_report(draft: Draft, layout: Layout, console: Console, seconds: float) -> int:
    """Send a report and show its history; 0 once its owner has acknowledged, 1 after the time limit.

    Raises:
        Refused: intake refuses the report.
        LaksaError: nothing runs on this data folder, or intake does not answer.
    """
    info = read_run_file(layout)
    async with aiohttp.ClientSession() as session:
        door = FrontDoor(session, services=info.services, api_keys=info.api_keys)
        accepted = await _send(door, draft)
        line = f"accepted: ticket [bold]{accepted['ticket']}[/bold], report {accepted['report_id']}"
        console.print(line, soft_wrap=True)
        console.print(accepted["status_url"], soft_wrap=True)
        for flag in flag_lines(accepted):
            console.print(flag, soft_wrap=True)
        return await _follow(door, accepted["report_id"], console, seconds)


async def _send(door: FrontDoor, draft: Draft) -> dict[str, Any]:
    try:
        return await door.send_until_accepted(draft.request(), seconds=SEND_SECONDS)
    except TryAgain as error:
        raise LaksaError(f"intake did not take the report in {SEND_SECONDS:g} s: {error}") from error


async def _follow(door: FrontDoor, report_id: str, console: Console, seconds: float) -> int:
    give_up = time.monotonic() + seconds
    report: dict[str, Any] | None = None
    with Live(life_of(report), console=console, refresh_per_second=8) as live:
        while time.monotonic() < give_up:
            try:
                report = await door.ask_stats(f"/v1/reports/{report_id}")
            except TryAgain:
                await asyncio.sleep(POLL_SECONDS)
                continue
            live.update(life_of(report))
            if is_settled(report):
                break
            await asyncio.sleep(POLL_SECONDS)
    return _last_word(report, console, seconds)


def flag_lines(accepted: Mapping[str, Any]) -> list[Text]:
    """One line for each flag in intake's response, with its meaning."""
    flags = accepted.get("flags") or []
    return [Text(printable(f"flag {flag}: {meaning_of(str(flag))}"), style="yellow") for flag in flags]


def is_settled(report: Mapping[str, Any]) -> bool:
    """Whether the wait is over: the owner has acknowledged, or the report ended at the router."""
    return report.get("outcome") in {"ended", "rejected"} or is_acknowledged(report)


def is_acknowledged(report: Mapping[str, Any]) -> bool:
    """Whether the department in charge has acknowledged; informed departments do not count."""
    owners = [target for target in report["targets"] if target["role"] == "owner"]
    return any(push["state"] == "acknowledged" for target in owners for push in target["deliveries"])


def life_of(report: Mapping[str, Any] | None) -> RenderableType:
    """Render the state of a report: its history, and each department's deliveries."""
    if report is None:
        return Text("on its way to the router …", style="dim")
    head = Text(printable(f"{report['status']} ({report['public_status']})"), style="bold")
    if report["why"]:
        head.append(printable(f"  {report['rule']}: {report['why']}"), style="not bold dim")
    targets = Table("department", "role", "endpoint", "state", "tries", "acknowledged by")
    for target in report["targets"]:
        for push in target["deliveries"] or [{}]:
            targets.add_row(
                _cell(target["opd"]),
                _cell(target["role"]),
                _cell(push.get("endpoint", "-")),
                _cell(push.get("state", "pending")),
                _cell(push.get("attempts", 0)),
                _cell(push.get("acknowledged_by") or ""),
            )
    history = Table("at", "what", "by", box=None)
    for step in report["history"]:
        history.add_row(_cell(step["at"]), _cell(step["what"]), _cell(step["opd"] or step["by"]))
    return Group(head, targets, history)


def _last_word(report: Mapping[str, Any] | None, console: Console, seconds: float) -> int:
    if report is None:
        console.print(f"stats does not know the report after {seconds:g} s. It is safe with intake: look again later")
        return 1
    if is_settled(report):
        return 0
    owner = report["owner"] or "nobody yet"
    console.print(
        f"not acknowledged after {seconds:g} s (owner: {owner}). That happens: some departments read their topic "
        "themselves, and the demo call centre ignores some. The pushes go on"
    )
    return 1


def _cell(value: object) -> Text:
    return Text(printable(str(value)))  # rich would parse a plain string as markup


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, {})}
