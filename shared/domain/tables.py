"""Reads the CSV files of this package and names each fault with its file and line."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its trimmed values by column, and its position ``where`` (``file:line``)."""

    where: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The valid rows, and the faults of the others."""

    rows: tuple[Row, ...]
    faults: tuple[str, ...]


def read_table(path: Path, columns: tuple[str, ...], expected_rows: int | None = None) -> Table:
    """Read a CSV file with a header line. Never raises: every problem becomes a fault.

    A row with too few or too many cells is a fault and is left out. Unknown columns are ignored.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return Table((), (f"{path.name}: the file is missing",))
    except (OSError, UnicodeDecodeError):
        return Table((), (f"{path.name}: the file cannot be read as UTF-8 text",))
    reader = csv.DictReader(text.splitlines())
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        return Table((), (f"{path.name}:1: missing columns: {', '.join(missing)}",))
    rows, faults = _rows_of(reader, path.name)
    if expected_rows is not None and len(rows) != expected_rows:
        faults.append(f"{path.name}: {len(rows)} rows, want {expected_rows}")
    return Table(tuple(rows), tuple(faults))


def _rows_of(reader: "csv.DictReader[str]", name: str) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    faults: list[str] = []
    for cells in reader:
        where = f"{name}:{reader.line_num}"
        if None in cells or None in cells.values():
            faults.append(f"{where}: the row does not have as many cells as the header")
            continue
        rows.append(Row(where, {column: value.strip() for column, value in cells.items()}))
    return rows, faults


def duplicate_faults(rows: Iterable[Row]) -> list[str]:
    """One fault for each row whose ``code`` is already used by a row above it."""
    first: dict[str, str] = {}
    faults = []
    for row in rows:
        code = row.values["code"]
        if code in first:
            faults.append(f"{row.where}: code {code!r} is already used at {first[code]}")
        first.setdefault(code, row.where)
    return faults
