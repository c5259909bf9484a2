"""Above the limit, only reports of the routine lane are refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.load_shedder import LoadShedder, is_urgent
from services.intake.submissions import Submission
from services.intake.validation import read_report
from shared.domain.lanes import Channel, Lane, Mode
from shared.domain.taxonomy import default_taxonomy
from tests.support.apps.intake_app import NOW

TAXONOMY = default_taxonomy()
FIRE = b'{"text": "Rumah terbakar", "category": "FIR-KEBAKARAN"}'
LAMP = b'{"text": "Lampu padam", "category": "INF-PJU"}'
categories = st.sampled_from([*TAXONOMY.categories, "fir-kebakaran", " FIR-KEBAKARAN ", "", " ", "UNKNOWN", None])


@given(categories, st.sampled_from(Channel), st.sampled_from(Mode), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_a_glance_tells_the_lane_that_the_report_takes(
    category: str | None, channel: Channel, mode: Mode, encoding: str
) -> None:
    """The quick check of the lane agrees with full validation for every acceptable report."""
    body = json.dumps({"text": "a", "category": category, "mode": mode}).encode(encoding)
    submission = read_report(body, now=NOW, taxonomy=TAXONOMY)
    assert isinstance(submission, Submission)
    assert is_urgent(body, channel, TAXONOMY) == (submission.lane_from(channel) is Lane.EMERGENCY)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 60_000, b'{"category": {"a": []}}', b"7"])
def test_a_glance_at_anything_else_raises_nothing(body: bytes) -> None:
    """I7: unreadable bytes are not urgent and raise nothing."""
    assert not is_urgent(body, Channel.LAKSA, TAXONOMY)


def test_only_routine_reports_are_refused_and_only_while_there_is_no_room() -> None:
    """I4: a finished report frees its place."""
    load_shedder = LoadShedder(1, TAXONOMY)
    with load_shedder.holding():
        assert load_shedder.refuses(LAMP, Channel.LAKSA)
        assert not load_shedder.refuses(FIRE, Channel.LAKSA)
    assert not load_shedder.refuses(LAMP, Channel.LAKSA)


def test_what_fails_is_not_in_hand_any_more() -> None:
    """A refused or failed report frees its place as well."""
    load_shedder = LoadShedder(1, TAXONOMY)

    def fail() -> None:
        with load_shedder.holding():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert load_shedder.in_hand == 0
