"""Makes untrusted text safe for a terminal."""


def printable(text: str) -> str:
    """Replace each unprintable character, such as escapes and other control characters."""
    return "".join(character if character.isprintable() else "�" for character in text)
