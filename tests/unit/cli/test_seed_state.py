"""The stored state of the seeding, from which a later run repeats the same requests and only the missing ones."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.cli.layout import Layout
from services.cli.reference.seeding import SeedState, reference_requests
from shared.errors import ConfigurationError

NOW = datetime(2024, 7, 31, 10, 0, 0, 123456, tzinfo=UTC)


def test_it_is_read_back_as_it_was_kept(tmp_path: Path) -> None:
    """The state is read back with its moment, to the microsecond and with its zone, and all confirmed numbers."""
    state = SeedState(NOW, {5, 0, 446})
    state.save(Layout(tmp_path))
    assert SeedState.load(Layout(tmp_path)) == state


def test_the_first_run_starts_now_with_nothing_confirmed(tmp_path: Path) -> None:
    """Without a file the moment is now, nothing is confirmed, and nothing is written."""
    before = datetime.now(UTC)
    state = SeedState.load(Layout(tmp_path))
    assert before <= state.now <= datetime.now(UTC)
    assert (state.confirmed, Layout(tmp_path).seed.exists()) == (set(), False)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    """A damaged file is an error; as a first run it would send the day again with other references."""
    Layout(tmp_path).seed.write_text('{"now": "2024-', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"seed\.json is damaged"):
        SeedState.load(Layout(tmp_path))


def test_the_same_moment_makes_the_same_requests(tmp_path: Path) -> None:
    """After a round trip through the file all requests are equal, so that intake recognises repeats."""
    SeedState(NOW).save(Layout(tmp_path))
    assert reference_requests(SeedState.load(Layout(tmp_path)).now) == reference_requests(NOW)
