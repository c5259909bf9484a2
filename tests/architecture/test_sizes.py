"""Files and functions of the product stay small enough to read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_FILE_LINES = 300
MOST_FUNCTION_LINES = 60
SOURCES = sorted(path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py"))


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_file_and_its_functions_are_short(path: Path) -> None:
    """A file has at most 300 lines and a function at most 60, except migrations, which list whole tables."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_FILE_LINES
    if "migrations" not in path.parts:
        lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in _functions(path)}
        assert not {name for name, length in lengths.items() if length > MOST_FUNCTION_LINES}
