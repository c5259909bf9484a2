"""docs/promises.md is complete: its tests exist, and it explains every code that the tree cites."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "promises.md"
CITING = ("services", "shared", "tests", "docs", "deploy", "benchmarks")
SUFFIXES = {".py", ".md", ".yml", ".yaml", ".html"}

CODE = re.compile(r"(?<![%\w-])(?:[IR][1-9]|N[1-9][0-9]?|[SW][1-9]|F[0-9]{2})(?![\w-])")
ROW = re.compile(r"^\| (?!---)(?P<first>[^|]+) \|(?P<rest>.*)\|$", re.MULTILINE)
TEST = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<name>\w+)`")
DOCUMENT = re.compile(r"``([\w/.-]+\.md)``")
HEADINGS = {"code", "rule", "sabotage", "setting"}


@cache
def _page() -> str:
    return PAGE.read_text(encoding="utf-8")


def _rows() -> dict[str, str]:
    """The content of each table row, by its code, sabotage or setting."""
    rows = [(row["first"].strip(), row["rest"]) for row in ROW.finditer(_page())]
    assert len({first for first, _ in rows} - HEADINGS) == len([first for first, _ in rows if first not in HEADINGS])
    return {first: rest for first, rest in rows if first not in HEADINGS}


@cache
def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions) and node.name.startswith("test_")}


def _cited() -> dict[str, str]:
    """Each code that the tree cites, with one of the files."""
    files = (path for folder in CITING for path in sorted((ROOT / folder).rglob("*")))
    return {
        code: str(path.relative_to(ROOT))
        for path in files
        if path.suffix in SUFFIXES and path != PAGE and "vendor" not in path.parts
        for code in CODE.findall(path.read_text(encoding="utf-8"))
    }


def test_every_test_that_the_page_names_exists() -> None:
    """Every test that the page names exists, so that no promise loses its test unnoticed."""
    named = {(found["file"], found["name"]) for found in TEST.finditer(_page())}
    missing = sorted(
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / "tests" / file).is_file() or name not in _tests_in(file)
    )
    assert missing == []
    assert len(named) > 100


def test_every_code_in_the_tree_is_on_the_page() -> None:
    """Every code in the tree, such as `W3`, is on the page."""
    cited = _cited()
    assert {code: file for code, file in cited.items() if code not in _rows()} == {}
    assert {"I1", "R2", "N15", "S4", "W3", "F19"} <= cited.keys()


def test_every_promise_names_a_test_or_is_marked() -> None:
    """Every row names a test or says "not yet"."""
    silent = [first for first, rest in _rows().items() if not TEST.search(rest) and "not yet" not in rest.casefold()]
    assert silent == []


def test_the_page_lists_every_promise_and_fault() -> None:
    """The page lists every promise and fault by its number."""
    counts = {"I": 8, "R": 7, "N": 15, "S": 6, "W": 5}
    wanted = {f"{letter}{number}" for letter, count in counts.items() for number in range(1, count + 1)}
    wanted |= {f"F{number:02}" for number in range(1, 43)} | {f"class {number}" for number in range(1, 16)}
    assert wanted <= _rows().keys()


def test_every_document_that_the_code_cites_exists() -> None:
    """Every document that a docstring cites exists in this repository."""
    modules = (path for folder in ("services", "shared", "tests") for path in (ROOT / folder).rglob("*.py"))
    cited = {name for path in modules for name in DOCUMENT.findall(path.read_text(encoding="utf-8"))}
    assert sorted(name for name in cited if not (ROOT / name).is_file()) == []
    assert "docs/domain.md" in cited
