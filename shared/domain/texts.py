"""Removes characters that must not reach a database column, a log line or a screen.

Source: ``docs/promises.md``, bad input, class 2: PostgreSQL refuses NUL, which pydantic lets through.
"""

import re

# C0 and C1 controls except tab and newline, DEL, and lone surrogates. A carriage return before a newline is a line end,
# as browsers' forms send it; alone it is a control character.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]|\r(?!\n)")


def strip_controls(text: str) -> tuple[str, bool]:
    """The text without control characters, and whether there were any."""
    clean, removed = _CONTROLS.subn("", text)
    return clean, removed > 0


def has_controls(text: str) -> bool:
    """True if `strip_controls` would remove something."""
    return _CONTROLS.search(text) is not None
