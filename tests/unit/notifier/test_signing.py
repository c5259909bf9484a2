"""Signing and verifying Standard Webhooks messages."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from services.notifier.signing import SignatureRefused, secret_fault, sign, verify
from tests.support.apps.notifying import secret

BODY = b'{"a": "\xc3\xa9"}'
MINE, OLD, FOREIGN = secret("mine"), secret("old"), secret("foreign")


def test_a_department_can_check_it_with_the_library() -> None:
    """The reference library accepts the headers."""
    Webhook(MINE).verify(BODY, sign([MINE], "msg-1", BODY, at=datetime.now(UTC)))


@pytest.mark.parametrize("hours", [-7, 0, 7])
def test_the_zone_of_the_clock_does_not_matter(hours: int) -> None:
    """Times of other zones are converted to UTC, because the library would sign them wrongly."""
    local = datetime.now(timezone(timedelta(hours=hours)))
    Webhook(MINE).verify(BODY, sign([MINE], "msg-1", BODY, at=local))


def test_both_secrets_sign_during_a_rotation() -> None:
    """During a rotation the message carries a signature for each secret (N5)."""
    headers = sign([MINE, OLD], "msg-1", BODY, at=datetime.now(UTC))
    Webhook(MINE).verify(BODY, headers)
    Webhook(OLD).verify(BODY, headers)


def test_what_was_signed_with_either_secret_is_accepted() -> None:
    """Callbacks may be signed with the current or the previous secret."""
    for key in (MINE, OLD):
        verify([MINE, OLD], sign([key], "msg-1", BODY, at=datetime.now(UTC)), BODY)


def refused(headers: dict[str, str], body: bytes = BODY) -> bool:
    """Whether the check says no, by its own error and no other."""
    try:
        verify([MINE], headers, body)
    except SignatureRefused:
        return True
    return False


def test_a_wrong_signature_is_refused() -> None:
    """Another secret, another body, another id, no header at all, too old, too new: all are refused."""
    good = sign([MINE], "msg-1", BODY, at=datetime.now(UTC))
    assert not refused(good)
    assert refused(sign([FOREIGN], "msg-1", BODY, at=datetime.now(UTC)))
    assert refused(good, BODY + b" ")
    assert refused(good | {"webhook-id": "msg-2"})
    assert refused({})
    for minutes in (-6, 6):
        assert refused(sign([MINE], "msg-1", BODY, at=datetime.now(UTC) + timedelta(minutes=minutes)))


@given(
    st.fixed_dictionaries(
        {}, optional={name: st.text(max_size=60) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    ),
    st.binary(max_size=60),
)
def test_nonsense_is_refused_and_nothing_else(headers: dict[str, str], body: bytes) -> None:
    """Malformed headers raise ValueError inside the library; here they mean no, like any other wrong signature."""
    assert refused(headers, body)


@pytest.mark.parametrize(
    ("candidate", "is_good"),
    [
        (MINE, True),
        ("whsec_c2hvcnQ=", False),
        ("whsec_", False),
        ("whsec_!!!", False),
        ("secret-without-prefix-but-quite-long", False),
    ],
)
def test_a_short_secret_is_refused(candidate: str, *, is_good: bool) -> None:
    """The library takes a one-byte secret; we ask for 24 bytes, and never quote what was given."""
    fault = secret_fault(candidate)
    assert (fault is None) is is_good
    assert candidate == "whsec_" or candidate not in (fault or "")
