"""The known requests of both lanes decide whether a request is new, a repeat, or has another body."""

import pytest

from services.intake.spool import Acceptance, Accepted, Entry, Mismatched, Repeated, RepeatStatus, Undecided, judge
from shared.domain.lanes import Mode

NAME, BODY, OTHER = b"name", b"body", b"other body"


def entry(*, lenient: bool, name: bytes | None = NAME) -> Entry:
    """A request whose answer names its repeat status."""
    return Entry(
        name, BODY, lenient=lenient, accept=lambda standing: Acceptance("1", Mode.LIVE, standing.value.encode(), [])
    )


def accepted(standing: RepeatStatus) -> bytes:
    """The answer of a request accepted with this repeat status."""
    return standing.value.encode()


def answer_of(outcome: object) -> bytes:
    """The answer to an accepted request."""
    assert isinstance(outcome, Accepted)
    return outcome.acceptance.answer


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(("own", "elsewhere"), [({NAME: {BODY: b"a"}}, {}), ({}, {NAME: {BODY: b"a"}})])
def test_the_same_body_gets_the_same_answer(
    own: dict[bytes, dict[bytes, bytes]], elsewhere: dict[bytes, dict[bytes, bytes]], *, lenient: bool
) -> None:
    """I3: a repeat gets the first answer, whichever lane accepted it."""
    assert judge(entry(lenient=lenient), own, elsewhere) == Repeated(b"a")


@pytest.mark.parametrize(("own", "elsewhere"), [({NAME: {OTHER: b"a"}}, {}), ({}, {NAME: {OTHER: b"a"}})])
def test_another_body_is_a_mismatch_or_another_emergency(
    own: dict[bytes, dict[bytes, bytes]], elsewhere: dict[bytes, dict[bytes, bytes]]
) -> None:
    """I3, class 11: refused by the strict policy, a new report by the lenient one."""
    assert judge(entry(lenient=False), own, elsewhere) == Mismatched()
    assert answer_of(judge(entry(lenient=True), own, elsewhere)) == accepted(RepeatStatus.REUSED)


def test_a_name_that_was_never_seen_is_new() -> None:
    """An unknown name, or no name, is a new request."""
    assert answer_of(judge(entry(lenient=False), {}, {})) == accepted(RepeatStatus.NEW)
    assert answer_of(judge(entry(lenient=False, name=None), {NAME: {BODY: b"a"}}, None)) == accepted(RepeatStatus.NEW)


def test_while_the_other_lane_is_silent_only_emergencies_pass() -> None:
    """A call is accepted under a new id, a report must be sent again, and known repeats are still recognised."""
    assert judge(entry(lenient=False), {}, None) == Undecided()
    assert answer_of(judge(entry(lenient=True), {}, None)) == accepted(RepeatStatus.UNCERTAIN)
    assert judge(entry(lenient=False), {NAME: {BODY: b"a"}}, None) == Repeated(b"a")
