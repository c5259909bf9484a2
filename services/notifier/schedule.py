"""The push schedule: when a push is tried again, and the state of a delivery after a try. Pure.

Source: ``docs/domain.md``, Push policy. Durations are seconds, counted from the end of a try.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.domain.delivery import DeliveryState
from shared.domain.lanes import Lane

MINUTE = 60.0
HOUR = 3600.0
GONE = 410
PAGING_STATUS = frozenset({401, 403, 404, 410})  # wrong configuration: a person must correct it, retries cannot

_DELTA = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(r"[A-Za-z]{3,9},? .*[0-9]{2}:[0-9]{2}:[0-9]{2}.*")


@dataclass(frozen=True, slots=True)
class PushPolicy:
    """The retry rules of a delivery, stored with it when it is created.

    ``delays`` are the waits before the first, second, … try; after them every ``repeat_every`` seconds, or never if
    that is None. ``until_acknowledged``: pushes continue after a 2xx. ``gone_ends``: a 410 ends the delivery.
    """

    name: str
    delays: tuple[float, ...]
    repeat_every: float | None
    until_acknowledged: bool
    gone_ends: bool
    jitter_share: float
    jitter_floor: float
    retry_after_least: float
    retry_after_most: float
    connect_seconds: float
    exchange_seconds: float


EMERGENCY = PushPolicy(
    name="emergency",
    delays=(0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0),
    repeat_every=60.0,
    until_acknowledged=True,
    gone_ends=False,
    jitter_share=0.1,
    jitter_floor=0.0,
    retry_after_least=0.0,
    retry_after_most=10.0,
    connect_seconds=2.0,
    exchange_seconds=5.0,
)
# The ten tries of Standard Webhooks over 75 h 35 m.
ROUTINE = PushPolicy(
    name="routine",
    delays=(
        *(0.0, 5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR),
        *(5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
    ),
    repeat_every=None,
    until_acknowledged=False,
    gone_ends=True,
    jitter_share=0.1,
    jitter_floor=2.0,
    retry_after_least=1.0,
    retry_after_most=HOUR,
    connect_seconds=5.0,
    exchange_seconds=15.0,
)


def policy_of(lane: Lane) -> PushPolicy:
    """The policy of a lane."""
    return EMERGENCY if lane is Lane.EMERGENCY else ROUTINE


@dataclass(frozen=True, slots=True)
class PushResult:
    """The result of one try: a status code, or an error code if there was no complete answer."""

    status_code: int | None = None
    error_code: str | None = None
    retry_after: str | None = None
    latency_ms: float = 0.0

    @property
    def accepted(self) -> bool:
        """True for a 2xx that was read in time. A redirect does not count."""
        return self.error_code is None and self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004  # the 2xx class

    @property
    def needs_a_person(self) -> bool:
        """True if the receiver refuses for a reason that a retry cannot fix."""
        return self.status_code in PAGING_STATUS

    @property
    def failure(self) -> str | None:
        """The failure code, from a fixed set, or None if the push was accepted."""
        if self.accepted:
            return None
        return self.error_code or f"http_{self.status_code}"


@dataclass(frozen=True, slots=True)
class PushDecision:
    """The next state of a delivery, and the seconds until it is due again (None: no further try)."""

    state: DeliveryState
    due_in: float | None


def first_delay(policy: PushPolicy, spread: float) -> float:
    """Seconds from the creation of a delivery to its first try; ``spread`` is a random number in [0, 1)."""
    return _with_jitter(policy, policy.delays[0], spread)


def decide_push(policy: PushPolicy, attempt: int, result: PushResult, *, now: datetime, spread: float) -> PushDecision:
    """Decide what follows try number ``attempt`` (from 1); ``spread`` is a random number in [0, 1) for the jitter."""
    delay = _delay_after(policy, attempt)
    if result.accepted:
        again = delay if policy.until_acknowledged else None
        return PushDecision(DeliveryState.DELIVERED, None if again is None else _with_jitter(policy, again, spread))
    if delay is None or (policy.gone_ends and result.status_code == GONE):
        return PushDecision(DeliveryState.EXHAUSTED, None)
    asked = retry_after_seconds(result.retry_after, policy, now=now)
    return PushDecision(DeliveryState.RETRYING, max(_with_jitter(policy, delay, spread), asked or 0.0))


def retry_after_seconds(header: str | None, policy: PushPolicy, *, now: datetime) -> float | None:
    """The wait of a Retry-After header, within the policy's bounds; None if it is missing or not valid.

    Reads both forms of RFC 9110, section 10.2.3: seconds or a date.
    """
    text = (header or "").strip()
    if _DELTA.fullmatch(text):
        seconds = float(text)
    elif _DATE.fullmatch(text):
        seconds = _seconds_until(text, now)
    else:
        return None
    if seconds < 0:
        return None
    return min(max(seconds, policy.retry_after_least), policy.retry_after_most)


def _seconds_until(date: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return -1.0
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


def _delay_after(policy: PushPolicy, attempt: int) -> float | None:
    return policy.delays[attempt] if attempt < len(policy.delays) else policy.repeat_every


def _with_jitter(policy: PushPolicy, delay: float, spread: float) -> float:
    # only added: no try is earlier than the schedule
    return delay + spread * max(delay * policy.jitter_share, policy.jitter_floor)
