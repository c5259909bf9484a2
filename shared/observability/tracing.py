"""The part of W3C Trace Context that carries one trace from intake to the push.

Source: W3C Recommendation "Trace Context", level 1: ``00-<32 hex trace id>-<16 hex parent id>-<2 hex flags>``.
"""

import re
import secrets

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def new_traceparent() -> str:
    """The ``traceparent`` of a new, sampled trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def trace_id_of(traceparent: str | None) -> str | None:
    """The 32 hex digits of the trace, or None if the header is missing or malformed."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    return match.group(1) if match else None


def child_of(traceparent: str | None) -> str:
    """A new span in the same trace; a new trace if the header is missing or malformed."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None:
        return new_traceparent()
    return f"00-{match.group(1)}-{secrets.token_hex(8)}-{match.group(2)}"
