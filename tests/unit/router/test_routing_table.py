"""The routing table's file: invalid tables are refused with a message that names the fault."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.router.routing_table import PACKAGED, RoutingTableError, load_routing_table
from shared.domain.taxonomy import default_taxonomy

TAXONOMY = default_taxonomy()
GOOD: dict[str, Any] = yaml.safe_load(PACKAGED.read_text())

Spoil = Callable[[dict[str, Any]], object]


def _faults_of(tmp_path: Path, document: object) -> tuple[str, ...]:
    return _faults_of_text(tmp_path, yaml.safe_dump(document))


def _faults_of_text(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "table.yaml"
    path.write_text(text)
    with pytest.raises(RoutingTableError) as refused:
        load_routing_table(path, TAXONOMY)
    assert all(fault in str(refused.value) for fault in refused.value.faults)
    return refused.value.faults


def _first(document: dict[str, Any]) -> dict[str, Any]:
    version: dict[str, Any] = document["versions"][0]
    return version


def test_the_packaged_table_names_all_that_the_taxonomy_does() -> None:
    """The table that ships covers the 36 categories and gives each the owner and informed of the taxonomy."""
    (version,) = load_routing_table(PACKAGED, TAXONOMY).versions

    assert {code: (rule.owner, rule.informed) for code, rule in version.categories.items()} == {
        code: (category.opd, category.also) for code, category in TAXONOMY.categories.items()
    }


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda table: table["categories"].pop("INF-PJU"), "version 2016-1: category INF-PJU: not covered"),
        (
            lambda table: table["categories"].update({"NEW-X": {"owner": "DLH"}}),
            "version 2016-1: category NEW-X: unknown category",
        ),
        (
            lambda table: table["categories"]["INF-PJU"].update(owner="DISHUP"),
            "version 2016-1: category INF-PJU: unknown OPD DISHUP",
        ),
        (
            lambda table: table["categories"]["INF-PJU"].update(informed=["PLNN"]),
            "version 2016-1: category INF-PJU: unknown OPD PLNN",
        ),
        (
            lambda table: table["categories"]["INF-PJU"].update(informed=["DISHUB"]),
            "version 2016-1: category INF-PJU: DISHUB stands there twice",
        ),
        (
            lambda table: table["categories"]["INF-PJU"].update(informed="PLN"),
            "version 2016-1: category INF-PJU: `informed` must be a list",
        ),
        (lambda table: table["categories"]["INF-PJU"].pop("owner"), "version 2016-1: category INF-PJU: has no owner"),
        (
            lambda table: table["categories"]["INF-PJU"].update(priority="P1"),
            "version 2016-1: category INF-PJU: `priority` means nothing here",
        ),
        (
            lambda table: table["categories"].update({"INF-PJU": None}),
            "version 2016-1: category INF-PJU: must be a mapping",
        ),
        (lambda table: table.pop("categories"), "version 2016-1: categories: must be a mapping"),
        (lambda table: table["call_types"].pop("ghost"), "version 2016-1: call_types: ghost is not covered"),
        (
            lambda table: table["call_types"].update(normal="end"),
            "version 2016-1: call_types: unknown call type normal (normal ones go by category)",
        ),
        (
            lambda table: table["call_types"].update(prank="drop"),
            "version 2016-1: call_types: prank: must be end or triage",
        ),
        (
            lambda table: table["call_types"].update(dropped="end"),
            "version 2016-1: call_types: dropped: must be triage, or nobody calls back",
        ),
        (lambda table: table.pop("call_types"), "version 2016-1: call_types: must be a mapping"),
        (lambda table: table.update(owner="x"), "version 2016-1: `owner` means nothing here"),
        (
            lambda table: table.update(version=2016.1),
            "version 2016.1: `version` must be a text of ASCII characters, in quotes",
        ),
        (
            lambda table: table.update(valid_from="2016-02-01"),
            "version 2016-1: `valid_from` must be a time with its offset (as 2026-12-01T00:00:00+07:00)",
        ),
        (
            lambda table: table.update(valid_to=table["valid_from"]),
            "version 2016-1: gap: nothing is valid after its `valid_to`; the last one stays open",
        ),
    ],
)
def test_each_fault_is_named_with_its_version_and_rule(tmp_path: Path, spoil: Spoil, fault: str) -> None:
    """A table that would not decide every report is refused with file, version and rule."""
    document = deepcopy(GOOD)
    spoil(_first(document))

    assert _faults_of(tmp_path, document) == (f"table.yaml: {fault}",)


def _with_second_version(valid_from: str, valid_to_of_first: str | None = None) -> dict[str, Any]:
    document = deepcopy(GOOD)
    second = deepcopy(_first(document)) | {"version": "2026-1", "valid_from": _moment(valid_from)}
    if valid_to_of_first:
        _first(document)["valid_to"] = _moment(valid_to_of_first)
    document["versions"].append(second)
    return document


def _moment(text: str) -> object:
    return yaml.safe_load(text)


@pytest.mark.parametrize(
    ("starts", "ends", "fault"),
    [
        ("2016-01-01T00:00:00+07:00", None, "overlap: the later one in the file must start later"),
        (
            "2026-12-01T00:00:00+07:00",
            "2026-11-30T00:00:00+07:00",
            "gap: one ends at 2026-11-30T00:00:00+07:00, the other starts at 2026-12-01T00:00:00+07:00",
        ),
        (
            "2026-12-01T00:00:00+07:00",
            "2026-12-02T00:00:00+07:00",
            "overlap: one ends at 2026-12-02T00:00:00+07:00, the other starts at 2026-12-01T00:00:00+07:00",
        ),
    ],
)
def test_versions_must_meet(tmp_path: Path, starts: str, ends: str | None, fault: str) -> None:
    """Exactly one version is valid at any moment: no gap, no overlap."""
    document = _with_second_version(starts, ends)

    assert _faults_of(tmp_path, document) == (f"table.yaml: versions 2016-1 and 2026-1: {fault}",)


@pytest.mark.parametrize("ends", [None, "2026-12-01T00:00:00+07:00"])
def test_versions_that_meet_are_taken(tmp_path: Path, ends: str | None) -> None:
    """The end of a version is optional."""
    path = tmp_path / "table.yaml"
    path.write_text(yaml.safe_dump(_with_second_version("2026-12-01T00:00:00+07:00", ends)))

    assert [version.version for version in load_routing_table(path, TAXONOMY).versions] == ["2016-1", "2026-1"]


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    """The error lists all faults of the table."""
    document = _with_second_version("2016-02-01T00:00:00+07:00")
    _first(document)["categories"].pop("INF-PJU")
    document["versions"][1]["categories"]["DIS-POHON"]["owner"] = "NOBODY"
    document["versions"][1]["version"] = "2016-1"

    assert len(_faults_of(tmp_path, document)) == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "`versions` must be a list"),
        ("versions: []", "`versions` must be a list"),
        ("versions: [1]", "entry 1: must be a mapping"),
        ("versions: {", "line 1"),
        ("versions:\n  - {version: a, version: b}", "line 2: duplicate key `version`, first given in line 2"),
        (
            "versions:\n  - {version: a, valid_from: 2026-13-45T00:00:00Z}",
            "line 2, column 30: not valid YAML: month must be in 1..12",
        ),
        ("? [a]\n: b", "unhashable key"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """Invalid YAML, duplicate keys and a wrong structure are faults with a message, not tracebacks."""
    assert any(says in fault for fault in _faults_of_text(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error for a missing file names the file."""
    with pytest.raises(RoutingTableError, match=r"nowhere\.yaml: the file cannot be read"):
        load_routing_table(tmp_path / "nowhere.yaml", TAXONOMY)
