"""Standard Webhooks signatures, with guards against known faults of the library."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105  # the prefix is public
LEAST_SECRET_BYTES = 24  # Standard Webhooks requires 24 to 64 bytes; the library accepts a single one


class SignatureRefused(Exception):  # noqa: N818  # named after what happened
    """The signature is missing, malformed, made with another secret, or its time differs by more than five minutes."""


def secret_fault(secret: str) -> str | None:
    """The fault of a secret, without quoting it, or None."""
    if not secret.startswith(SECRET_PREFIX):
        return f"must begin with {SECRET_PREFIX}"
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return f"must be base64 after {SECRET_PREFIX}"
    return None if len(key) >= LEAST_SECRET_BYTES else f"must hold at least {LEAST_SECRET_BYTES} random bytes"


def sign(secrets: Sequence[str], message_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """The three headers of a message, signed with every secret: during a rotation the receiver may know only one.

    ``at`` must be aware. It is converted to UTC here, because the library ignores the time zone.
    """
    moment = at.astimezone(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, body.decode()) for secret in secrets),
    }


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """Verify the signature of a received message against the local clock.

    Raises:
        SignatureRefused: it matches no secret, or is malformed.
    """
    for secret in secrets:
        try:
            Webhook(secret).verify(body, dict(headers), json_parse=False)
        except Exception:  # noqa: BLE001, S112  # the library raises several error types, all mean refused
            continue
        return
    raise SignatureRefused("The signature matches no secret")
