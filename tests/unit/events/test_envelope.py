"""A header pattern gives the same headers as encoding them from scratch."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from shared.events.envelope import Attributes, HeaderPattern, attributes_of, headers_of, text_headers, time_text

NAMES = st.sampled_from(["lane", "mode", "category", "opd", "role", "rule", "table", "why"])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=7)), timezone(-timedelta(hours=11))])


@given(
    extensions=st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"))),
    time=st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30), timezones=ZONES),  # noqa: DTZ001  # hypothesis wants naive bounds
    subject=st.uuids().map(str),
    traceparent=st.text("0123456789abcdef-", min_size=1),
)
def test_a_filled_pattern_is_what_the_attributes_give(
    extensions: dict[str, str], time: datetime, subject: str, traceparent: str
) -> None:
    """The bytes and their order are equal, and the attributes read back are the same."""
    attributes = Attributes(
        id="1",
        type="t",
        source="/s",
        subject=subject,
        time=time,
        extensions=extensions,
        traceparent=traceparent,
        correlation_id=subject,
    )
    pattern = HeaderPattern(kind="t", source="/s", extensions=extensions)

    filled = pattern.fill("1", subject.encode(), time_text(time).encode(), traceparent.encode())

    assert filled == headers_of(attributes)
    assert attributes_of(text_headers(filled)) == attributes
