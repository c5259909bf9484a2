"""The 112 table of stats beside the published one."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from shared.domain.published import PublishedSet


def counts_of(answer: Mapping[str, Any]) -> dict[str, int]:
    """The counts by key and the total of an answer of stats."""
    return {**{row["key"]: row["count"] for row in answer["rows"]}, "total": answer["total"]}


def differences(answer: Mapping[str, Any], published: PublishedSet) -> list[str]:
    """The differences between an answer of stats and the published figures; empty if there are none."""
    ours = counts_of(answer)
    theirs = {**published.parts, "total": published.total}
    return [
        f"{key}: stats says {ours.get(key, 'nothing')}, published is {theirs.get(key, 'nothing')}"
        for key in dict.fromkeys([*theirs, *ours])
        if ours.get(key) != theirs.get(key)
    ]


def table_of(answer: Mapping[str, Any], published: PublishedSet) -> Table:
    """The table to print."""
    table = Table(title=published.title, title_style="bold", caption="read back from the stats service")
    table.add_column("")
    table.add_column("calls", justify="right")
    table.add_column("published", justify="right", style="dim")
    for row in answer["rows"]:
        table.add_row(row["label"], str(row["count"]), str(published.parts.get(row["key"], "-")))
    table.add_section()
    table.add_row("total", str(answer["total"]), str(published.total), style="bold")
    return table
