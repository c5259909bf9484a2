"""The files of a data folder are private and written atomically, and damage is reported."""

import os
import stat
from pathlib import Path

import pytest

from services.cli.layout import Layout, read_json, write_private
from shared.errors import ConfigurationError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of a file that does not exist."""
    return tmp_path / "secrets.json"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_it(file: Path, umask: int) -> None:
    """The file has mode 0600 from its creation, for any umask, and also if the old file was public."""
    file.touch(mode=0o666)
    before = os.umask(umask)
    try:
        write_private(file, "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_is_replaced_in_one_step(file: Path) -> None:
    """A reader sees the whole old text or the whole new one, and no other file remains."""
    write_private(file, "old text, and long")
    with file.open(encoding="utf-8") as reader:
        write_private(file, "new")
        assert reader.read() == "old text, and long"
    assert file.read_text(encoding="utf-8") == "new"
    assert list(file.parent.iterdir()) == [file]


def test_a_write_that_fails_leaves_the_old_file(file: Path) -> None:
    """A failed write leaves the old file unchanged."""
    write_private(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(file, "\ud800")
    assert file.read_text(encoding="utf-8") == "old"


def test_the_rest_of_a_killed_writer_is_no_obstacle_and_no_trap(file: Path, tmp_path: Path) -> None:
    """A left-over temporary file, or a link in its place, is removed and not followed."""
    (tmp_path / "elsewhere").write_text("untouched", encoding="utf-8")
    file.with_name(".secrets.json.part").symlink_to(tmp_path / "elsewhere")
    write_private(file, "new")
    assert (file.read_text(encoding="utf-8"), (tmp_path / "elsewhere").read_text(encoding="utf-8")) == (
        "new",
        "untouched",
    )


def test_no_file_is_an_empty_object(file: Path) -> None:
    """A missing file is read as an empty object."""
    assert read_json(file) == {}


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"\xff\xfe", b"[]", b"null", b"3", b"[" * 100_000])
def test_a_damaged_file_is_said_with_its_path_and_what_to_do(file: Path, content: bytes) -> None:
    """A file without a JSON object is an error with its path and the remedy."""
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"secrets\.json is damaged\. `make clean`"):
        read_json(file)


def test_nobody_else_may_look_into_the_folders(tmp_path: Path) -> None:
    """Only the owner can access the folders, because they contain personal data."""
    layout = Layout(tmp_path / "a" / "var")
    layout.make()
    for folder in (layout.root, layout.logs, layout.spool, layout.databases):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """If a folder cannot be created, the error names the setting to change."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="set LAKSA_VAR_DIR"):
        Layout(tmp_path / "file" / "var").make()
