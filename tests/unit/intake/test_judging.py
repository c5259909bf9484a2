"""What both lanes remember of a request's name decides whether it is new, a repeat, or another body."""

import pytest

from services.intake.spool import Acceptance, Accepted, Entry, Mismatched, Repeated, RepeatStatus, Undecided, judge
from shared.domain.lanes import Mode

NAME, BODY, OTHER = b"name", b"body", b"other body"


def entry(*, lenient: bool, name: bytes | None = NAME) -> Entry:
    """A request whose answer says how it stood."""
    return Entry(
        name, BODY, lenient=lenient, accept=lambda standing: Acceptance("1", Mode.LIVE, standing.value.encode(), [])
    )


def accepted(standing: RepeatStatus) -> bytes:
    """The answer of a request that was accepted with this standing."""
    return standing.value.encode()


def answer_of(outcome: object) -> bytes:
    """What was answered to a request that was accepted."""
    assert isinstance(outcome, Accepted)
    return outcome.acceptance.answer


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(("own", "elsewhere"), [({NAME: {BODY: b"a"}}, {}), ({}, {NAME: {BODY: b"a"}})])
def test_the_same_body_gets_the_same_answer(
    own: dict[bytes, dict[bytes, bytes]], elsewhere: dict[bytes, dict[bytes, bytes]], *, lenient: bool
) -> None:
    """I3: in whichever lane it was accepted."""
    assert judge(entry(lenient=lenient), own, elsewhere) == Repeated(b"a")


@pytest.mark.parametrize(("own", "elsewhere"), [({NAME: {OTHER: b"a"}}, {}), ({}, {NAME: {OTHER: b"a"}})])
def test_another_body_is_a_mismatch_or_another_emergency(
    own: dict[bytes, dict[bytes, bytes]], elsewhere: dict[bytes, dict[bytes, bytes]]
) -> None:
    """I3, class 11: refused by the strict policy, a new report by the lenient one."""
    assert judge(entry(lenient=False), own, elsewhere) == Mismatched()
    assert answer_of(judge(entry(lenient=True), own, elsewhere)) == accepted(RepeatStatus.REUSED)


def test_a_name_that_was_never_seen_is_new() -> None:
    """And so is a request without a name, whatever is remembered."""
    assert answer_of(judge(entry(lenient=False), {}, {})) == accepted(RepeatStatus.NEW)
    assert answer_of(judge(entry(lenient=False, name=None), {NAME: {BODY: b"a"}}, None)) == accepted(RepeatStatus.NEW)


def test_while_the_other_lane_is_silent_only_emergencies_pass() -> None:
    """A call is accepted under an id of its own; a report is asked to come again; repeats are known all the same."""
    assert judge(entry(lenient=False), {}, None) == Undecided()
    assert answer_of(judge(entry(lenient=True), {}, None)) == accepted(RepeatStatus.UNCERTAIN)
    assert judge(entry(lenient=False), {NAME: {BODY: b"a"}}, None) == Repeated(b"a")
