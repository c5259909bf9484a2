"""Text that others wrote, made harmless for a terminal."""


def printable(text: str) -> str:
    """The text with a replacement for each character that is not to be seen: escapes and other controls do nothing."""
    return "".join(one if one.isprintable() else "�" for one in text)
