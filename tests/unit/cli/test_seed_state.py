"""What is kept of the sending: enough to send the same again, and only what is missing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.cli.layout import Layout
from services.cli.reference.seeding import SeedState, reference_requests
from shared.errors import ConfigurationError

NOW = datetime(2024, 7, 31, 10, 0, 0, 123456, tzinfo=UTC)


def test_it_is_read_back_as_it_was_kept(tmp_path: Path) -> None:
    """The moment to the microsecond, in its zone, and each confirmed number."""
    state = SeedState(NOW, {5, 0, 446})
    state.save(Layout(tmp_path))
    assert SeedState.load(Layout(tmp_path)) == state


def test_the_first_run_starts_now_with_nothing_confirmed(tmp_path: Path) -> None:
    """Without a file the mixed day is today's, and reading it keeps nothing yet."""
    before = datetime.now(UTC)
    state = SeedState.load(Layout(tmp_path))
    assert before <= state.now <= datetime.now(UTC)
    assert (state.confirmed, Layout(tmp_path).seed.exists()) == (set(), False)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    """It is not taken for a first run: that would send the day again under other references."""
    Layout(tmp_path).seed.write_text('{"now": "2024-', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"seed\.json is damaged"):
        SeedState.load(Layout(tmp_path))


def test_the_same_moment_makes_the_same_requests(tmp_path: Path) -> None:
    """After a round trip through the file each request is the same, number for number, so that a repeat is known."""
    SeedState(NOW).save(Layout(tmp_path))
    assert reference_requests(SeedState.load(Layout(tmp_path)).now) == reference_requests(NOW)
