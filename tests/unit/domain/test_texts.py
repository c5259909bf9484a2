import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.texts import has_controls, strip_controls

ANY_TEXT = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\x00b", "ab"),
        ("\x1b[31mred", "[31mred"),
        ("bell\x07", "bell"),
        ("c1\x9b", "c1"),
        ("del\x7f", "del"),
        ("lone\r", "lone"),
        ("half\ud83d", "half"),
    ],
)
def test_controls_are_taken_away_and_said_so(text: str, clean: str) -> None:
    """NUL, C0, C1, DEL, a lone carriage return and lone surrogates are removed."""
    assert strip_controls(text) == (clean, True)
    assert has_controls(text)


@pytest.mark.parametrize(
    "text", ["", "dua\nbaris\tdan tab", "dari formulir\r\nbaris kedua", "🚒 kebakaran", "\u202ebidi"]
)
def test_lines_tabs_and_every_other_character_stay(text: str) -> None:
    """Line ends (also of browsers' forms), emoji and bidi marks are kept."""
    assert strip_controls(text) == (text, False)
    assert not has_controls(text)


@given(ANY_TEXT)
def test_what_is_stripped_can_be_stored_anywhere(text: str) -> None:
    """The result encodes as UTF-8, has no NUL, and has nothing left to strip."""
    clean, removed = strip_controls(text)
    assert b"\x00" not in clean.encode("utf-8")
    assert removed == has_controls(text) == (clean != text)
    assert strip_controls(clean) == (clean, False)
