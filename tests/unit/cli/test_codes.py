"""``laksa categories`` and ``laksa opds``: a line for every code, and unwrapped lines in a pipe."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.table import Table

from services.cli.inspect.codes import category_table, lane_text, opd_table, print_table
from shared.domain.taxonomy import Priority, default_taxonomy

TAXONOMY = default_taxonomy()


def printed(table: Table) -> list[list[str]]:
    """The lines below the heading, as words."""
    file = io.StringIO()
    print_table(table, Console(file=file, width=20))
    return [line.split() for line in file.getvalue().splitlines()[1:]]


def test_every_category_has_a_line() -> None:
    """Each category has a line with code, name, department, priority and lane, in the order of the taxonomy."""
    lines = printed(category_table())
    assert [line[0] for line in lines] == list(TAXONOMY.categories)
    lamp = TAXONOMY.categories["INF-PJU"]
    assert ["INF-PJU", *lamp.name_id.split(), "DISHUB", lamp.priority, *lane_text(lamp).split()] in lines


def test_every_department_has_a_line() -> None:
    """Each department has a line with code, name, kind and number of categories, whose sum is their total."""
    lines = printed(opd_table())
    assert [line[0] for line in lines] == list(TAXONOMY.opds)
    assert sum(int(line[-1]) for line in lines) == len(TAXONOMY.categories)


@pytest.mark.parametrize(
    ("priority", "lane"),
    [("P1", "emergency"), ("P2", "routine, from 112 emergency"), ("P3", "routine"), ("P4", "routine")],
)
def test_the_lane_is_that_of_the_rules(priority: str, lane: str) -> None:
    """Priority 1 is an emergency from every channel, priority 2 only from 112."""
    categories = [category for category in TAXONOMY.categories.values() if category.priority is Priority(priority)]
    assert categories
    assert {lane_text(category) for category in categories} == {lane}


@pytest.mark.parametrize("table", [category_table, opd_table])
def test_a_pipe_gets_whole_lines(table: Callable[[], Table]) -> None:
    """A narrow terminal wraps lines; a pipe gets one uncut line for each code."""
    file = io.StringIO()
    print_table(table(), Console(file=file, width=20))
    assert "…" not in file.getvalue()
    assert len(file.getvalue().splitlines()) == 1 + table().row_count
