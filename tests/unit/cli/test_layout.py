"""The files of a data folder: private, whole or not at all, and damage is said."""

import os
import stat
from pathlib import Path

import pytest

from services.cli.layout import Layout, read_json, write_private
from shared.errors import ConfigurationError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "secrets.json"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_it(file: Path, umask: int) -> None:
    """Mode 0600 from the first moment, whatever the person's umask, and also where the old file was open to all."""
    file.touch(mode=0o666)
    before = os.umask(umask)
    try:
        write_private(file, "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_is_replaced_in_one_step(file: Path) -> None:
    """Who reads while it is written has the whole old text, and afterwards nothing but the new file is there."""
    write_private(file, "old text, and long")
    with file.open(encoding="utf-8") as reader:
        write_private(file, "new")
        assert reader.read() == "old text, and long"
    assert file.read_text(encoding="utf-8") == "new"
    assert list(file.parent.iterdir()) == [file]


def test_a_write_that_fails_leaves_the_old_file(file: Path) -> None:
    """Half a file is never seen: what cannot be written does not touch what is there."""
    write_private(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(file, "\ud800")
    assert file.read_text(encoding="utf-8") == "old"


def test_the_rest_of_a_killed_writer_is_no_obstacle_and_no_trap(file: Path, tmp_path: Path) -> None:
    """A part file that was left behind, or a link put in its place, is removed and never written through."""
    (tmp_path / "elsewhere").write_text("untouched", encoding="utf-8")
    file.with_name(".secrets.json.part").symlink_to(tmp_path / "elsewhere")
    write_private(file, "new")
    assert (file.read_text(encoding="utf-8"), (tmp_path / "elsewhere").read_text(encoding="utf-8")) == (
        "new",
        "untouched",
    )


def test_no_file_is_an_empty_object(file: Path) -> None:
    """The first run finds nothing, and that is no fault."""
    assert read_json(file) == {}


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"\xff\xfe", b"[]", b"null", b"3", b"[" * 100_000])
def test_a_damaged_file_is_said_with_its_path_and_what_to_do(file: Path, content: bytes) -> None:
    """Whatever stands there instead of an object: one sentence, no traceback."""
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"secrets\.json is damaged\. `make clean`"):
        read_json(file)


def test_nobody_else_may_look_into_the_folders(tmp_path: Path) -> None:
    """The data folder and those in it are the owner's alone: they hold personal data."""
    layout = Layout(tmp_path / "a" / "var")
    layout.make()
    for folder in (layout.root, layout.logs, layout.spool, layout.databases):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """The message says which setting to change."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="set LAKSA_VAR_DIR"):
        Layout(tmp_path / "file" / "var").make()
