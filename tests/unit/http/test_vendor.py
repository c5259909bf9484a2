"""The vendored web assets are what the lock says, and nothing else is taken."""

import json
import tarfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.http.apidocs.vendor import LOCK, ROOT, check_files, fetch


def test_every_vendored_file_is_the_one_in_the_lock() -> None:
    """An edited or half-fetched file is seen without a network."""
    assert check_files() == []


def test_every_vendored_file_is_in_the_lock() -> None:
    """None came by another way."""
    locked = {entry["to"] for package in json.loads(LOCK.read_text())["packages"] for entry in package["files"]}
    folders = (ROOT / "services/stats/board/static/vendor", ROOT / "shared/http/apidocs/static/vendor")
    found = {str(path.relative_to(ROOT)) for folder in folders for path in folder.iterdir()}
    assert found == locked


def test_the_lock_names_packages_and_no_addresses() -> None:
    """Npm knows where its registry is."""
    assert "://" not in LOCK.read_text()


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    """And a missing one."""
    lock = tmp_path / "vendor.lock"
    files = [{"from": "a.js", "to": "a.js", "sha256": sha256(b"good").hexdigest()}]
    lock.write_text(json.dumps({"packages": [{"name": "p", "version": "1", "sha256": "", "files": files}]}))
    assert check_files(tmp_path, lock) == ["a.js"]
    (tmp_path / "a.js").write_bytes(b"bad")
    assert check_files(tmp_path, lock) == ["a.js"]
    (tmp_path / "a.js").write_bytes(b"good")
    assert check_files(tmp_path, lock) == []


def test_a_package_with_another_checksum_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever npm answers (here a stand-in on the PATH that packs something else)."""
    lock = _stand_in(tmp_path, monkeypatch, content=b"something else", expected=b"the real thing")
    with pytest.raises(ConfigurationError, match="checksum"):
        fetch(tmp_path, lock)
    assert not (tmp_path / "static/a.js").exists()


def test_a_package_with_the_right_checksum_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the place that the lock names."""
    lock = _stand_in(tmp_path, monkeypatch, content=b"the real thing", expected=b"the real thing")
    assert fetch(tmp_path, lock) == ["static/a.js"]
    assert (tmp_path / "static/a.js").read_bytes() == b"the real thing"
    assert check_files(tmp_path, lock) == []


def test_without_npm_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files in the tree are enough to run; only fetching needs it."""
    lock = _stand_in(tmp_path, monkeypatch, content=b"a", expected=b"a")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(ConfigurationError, match="npm is needed"):
        fetch(tmp_path, lock)


def _stand_in(directory: Path, monkeypatch: pytest.MonkeyPatch, *, content: bytes, expected: bytes) -> Path:
    """An ``npm`` that packs this content, and a lock that expects another or the same."""
    (directory / "given.tgz").write_bytes(_archive(content))
    commands = directory / "bin"
    commands.mkdir()
    npm = commands / "npm"
    npm.write_text(f'#!/bin/sh\ncp "{directory}/given.tgz" "$5/given.tgz"\necho given.tgz\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    files = [{"from": "a.js", "to": "static/a.js", "sha256": sha256(expected).hexdigest()}]
    package = {"name": "p", "version": "1", "sha256": sha256(_archive(expected)).hexdigest(), "files": files}
    lock = directory / "vendor.lock"
    lock.write_text(json.dumps({"packages": [package]}))
    return lock


def _archive(content: bytes) -> bytes:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("package/a.js")
        member.size = len(content)
        archive.addfile(member, BytesIO(content))
    return packed.getvalue()
