"""``laksa categories`` and ``laksa opds``: the codes of the taxonomy as tables."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from shared.domain.lanes import Channel, Lane, Mode, lane_of
from shared.domain.taxonomy import Category, default_taxonomy

PIPE_WIDTH = 200  # columns; in a pipe no line is cut, so that grep and awk get whole lines


def category_table() -> Table:
    """All categories, in the order of ``taxonomy.csv``."""
    table = Table("code", "name", "OPD", "priority", "lane", box=None, pad_edge=False)
    for category in default_taxonomy().categories.values():
        table.add_row(category.code, category.name_id, category.opd, category.priority, lane_text(category))
    return table


def lane_text(category: Category) -> str:
    """The lane of a live report; both lanes if a 112 call takes another."""
    of_call, of_report = _lane(category, Channel.CALL_112), _lane(category, Channel.LAKSA)
    return of_report if of_call is of_report else f"{of_report}, from 112 {of_call}"


def opd_table() -> Table:
    """All departments, in the order of ``opds.csv``."""
    taxonomy = default_taxonomy()
    counts = Counter(category.opd for category in taxonomy.categories.values())
    table = Table("code", "name", "kind", "categories", box=None, pad_edge=False)
    for opd in taxonomy.opds.values():
        table.add_row(opd.code, opd.name, opd.kind, str(counts[opd.code]))
    return table


def print_table(table: Table, console: Console | None = None) -> None:
    """Print a table in the width of the terminal, or with whole lines into a pipe."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH, file=console.file)
    console.print(table)


def _lane(category: Category, channel: Channel) -> Lane:
    return lane_of(channel=channel, category=category, call_type=None, mode=Mode.LIVE)
