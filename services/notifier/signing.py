"""Standard Webhooks signatures, with the traps of the library closed."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105  # the prefix is public
LEAST_SECRET_BYTES = 24  # Standard Webhooks asks for 24 to 64 bytes; the library takes a single one


class SignatureRefused(Exception):  # noqa: N818  # named after what happened
    """A signature that is missing, malformed, made with another secret, or older or newer than five minutes."""


def secret_fault(secret: str) -> str | None:
    """What is wrong with a secret, without quoting it, or None."""
    if not secret.startswith(SECRET_PREFIX):
        return f"must begin with {SECRET_PREFIX}"
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return f"must be base64 after {SECRET_PREFIX}"
    return None if len(key) >= LEAST_SECRET_BYTES else f"must hold at least {LEAST_SECRET_BYTES} random bytes"


def sign(secrets: Sequence[str], message_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """The three headers of a message, signed with every secret: during a rotation the receiver may know either.

    ``at`` must be aware. It is turned to UTC here, because the library takes the digits of any zone for UTC.
    """
    moment = at.astimezone(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, body.decode()) for secret in secrets),
    }


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """Check the signature of what somebody sent us, against our own clock.

    Raises:
        SignatureRefused: none of the secrets made it, or it is not a signature at all.
    """
    for secret in secrets:
        try:
            Webhook(secret).verify(body, dict(headers), json_parse=False)
        except Exception:  # noqa: BLE001, S112  # the library raises anything for malformed headers; all mean no
            continue
        return
    raise SignatureRefused("No secret made this signature")
