"""The comparison of the 112 table with the published one names every difference."""

from typing import Any

from rich.console import Console

from services.cli.reference.published_table import differences, table_of
from shared.domain.published import CALLS_112_TANGERANG_2024 as PUBLISHED


def answer(total: int = PUBLISHED.total, **counts: int) -> dict[str, Any]:
    """The response of stats: the published figures, except those given."""
    parts = {**PUBLISHED.parts, **counts}
    return {"total": total, "rows": [{"key": key, "label": key.title(), "count": n} for key, n in parts.items()]}


def test_equal_tables_do_not_differ() -> None:
    """Equal tables have no differences."""
    assert differences(answer(), PUBLISHED) == []


def test_each_figure_that_differs_is_named_with_both_values() -> None:
    """One line for each figure that differs, and none for the others."""
    assert differences(answer(375, fire=28), PUBLISHED) == [
        "fire: stats says 28, published is 29",
        "total: stats says 375, published is 376",
    ]


def test_a_row_too_many_or_too_few_differs() -> None:
    """A row that only one of the tables has is a difference, even if the totals are equal."""
    odd = answer(snakes=0)
    odd["rows"] = [row for row in odd["rows"] if row["key"] != "agd"]
    assert differences(odd, PUBLISHED) == [
        "agd: stats says nothing, published is 122",
        "snakes: stats says 0, published is nothing",
    ]


def test_two_swapped_figures_differ() -> None:
    """Two swapped figures are differences, although the totals are equal."""
    assert len(differences(answer(agd=PUBLISHED.parts["fire"], fire=PUBLISHED.parts["agd"]), PUBLISHED)) == 2


def test_the_table_shows_our_figures_beside_the_published_ones() -> None:
    """Each row of the table has the count of stats and the published one."""
    console = Console(width=100)
    with console.capture() as printed:
        console.print(table_of(answer(375, fire=28), PUBLISHED))
    cells = [[cell.strip() for cell in line.strip("│┃").split("│")] for line in printed.get().splitlines()]
    assert ["Fire", "28", "29"] in cells
    assert ["total", "375", "376"] in cells
