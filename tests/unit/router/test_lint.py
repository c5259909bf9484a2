"""The lint command: past versions must not change, so that a repeat has the same decision."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.router.lint import main
from services.router.routing_table import PACKAGED

NOW = "2026-11-24T12:00:00+07:00"
GOOD: dict[str, Any] = yaml.safe_load(PACKAGED.read_text())


def _version(name: str, valid_from: str, lamp_owner: str = "DISHUB") -> dict[str, Any]:
    made: dict[str, Any] = deepcopy(GOOD["versions"][0])
    made |= {"version": name, "valid_from": yaml.safe_load(valid_from)}
    made["categories"]["INF-PJU"]["owner"] = lamp_owner
    return made


OLD = _version("2016-1", "2016-02-01T00:00:00+07:00")
PLANNED = _version("2027-1", "2027-01-01T00:00:00+07:00", "DPUPR")


def _lint(tmp_path: Path, new: list[dict[str, Any]], released: list[dict[str, Any]]) -> int:
    for name, versions in (("new.yaml", new), ("released.yaml", released)):
        (tmp_path / name).write_text(yaml.safe_dump({"versions": deepcopy(versions)}))
    return main([str(tmp_path / "new.yaml"), "--released", str(tmp_path / "released.yaml"), "--now", NOW])


def test_a_version_that_starts_later_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new version that starts in the future is accepted."""
    assert _lint(tmp_path, [OLD, PLANNED], [OLD]) == 0
    assert capsys.readouterr().out == "new.yaml: good\n"


def test_a_planned_version_may_still_change_or_go(tmp_path: Path) -> None:
    """A version that has not started may be changed or removed."""
    moved = _version("2027-1", "2027-02-01T00:00:00+07:00", "DLH")

    assert _lint(tmp_path, [OLD, moved], [OLD, PLANNED]) == 0
    assert _lint(tmp_path, [OLD], [OLD, PLANNED]) == 0


@pytest.mark.parametrize(
    ("new", "released", "fault"),
    [
        (
            [OLD, _version("2026-1", "2026-11-24T11:59:59+07:00")],
            [OLD],
            "version 2026-1: is new but starts in the past",
        ),
        (
            [_version("2016-1", "2016-02-01T00:00:00+07:00", "DLH")],
            [OLD],
            "version 2016-1: has started with other rules",
        ),
        ([_version("2016-1", "2016-03-01T00:00:00+07:00")], [OLD], "version 2016-1: was released with another"),
        (
            [_version("2026-2", "2027-01-01T00:00:00+07:00")],
            [OLD],
            "version 2016-1: has started and cannot be taken away",
        ),
        (
            [OLD, _version("2027-1", "2026-11-01T00:00:00+07:00", "DPUPR")],
            [OLD, PLANNED],
            "version 2027-1: was released with another",
        ),
    ],
)
def test_the_past_cannot_be_changed(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    new: list[dict[str, Any]],
    released: list[dict[str, Any]],
    fault: str,
) -> None:
    """Adding, changing, moving or removing a version in the past is refused with its name."""
    assert _lint(tmp_path, new, released) == 1
    assert f"new.yaml: {fault}" in capsys.readouterr().out


def test_the_packaged_table_can_be_released() -> None:
    """The packaged table passes the check against itself."""
    assert main([str(PACKAGED)]) == 0


def test_a_broken_table_is_told_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the faults of a broken table, one per line."""
    broken = deepcopy(OLD)
    del broken["categories"]["INF-PJU"]

    assert _lint(tmp_path, [broken], [OLD]) == 1
    assert capsys.readouterr().out == "new.yaml: version 2016-1: category INF-PJU: not covered\n"
