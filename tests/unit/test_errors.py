from typing import get_args

from shared.errors import DeadLetterCode, LaksaError, PermanentError, TransientError


def branch(parent: type[LaksaError]) -> list[type[LaksaError]]:
    """All subclasses of an error, at any depth."""
    return [error for child in parent.__subclasses__() for error in (child, *branch(child))]


def test_every_permanent_error_has_a_code_of_the_closed_list() -> None:
    """Every permanent error has a code from the fixed list."""
    ours = [error for error in branch(PermanentError) if error.__module__ == "shared.errors"]
    codes = [error.code for error in ours if issubclass(error, PermanentError)]
    assert set(codes) <= set(get_args(DeadLetterCode)) - {"unclassified"}
    assert len(set(codes)) == len(codes)


def test_the_two_branches_do_not_meet() -> None:
    """No error is both permanent and transient."""
    assert not set(branch(PermanentError)) & set(branch(TransientError))
