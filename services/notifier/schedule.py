"""When a push is tried again, and what becomes of a delivery after a try. Pure.

Source: ``promises.md``, Push policy of the notifier. Spans are seconds, counted from the end of a try.
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
PAGING_STATUS = frozenset({401, 403, 404, 410})  # the receiver is set up wrongly: no retry mends that, a person does

_DELTA = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(r"[A-Za-z]{3,9},? .*[0-9]{2}:[0-9]{2}:[0-9]{2}.*")


@dataclass(frozen=True, slots=True)
class PushPolicy:
    """How one delivery is pushed; frozen with the report at first sight.

    ``delays`` come before the first, second, … try; after them ``repeat_every``, or the end where that is None.
    ``until_acknowledged`` goes on pushing after a 2xx. ``gone_ends``: 410 means that the endpoint is no more.
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
    """How one try ended: a status code, or an error code where there was no whole answer."""

    status_code: int | None = None
    error_code: str | None = None
    retry_after: str | None = None
    latency_ms: float = 0.0

    @property
    def accepted(self) -> bool:
        """True for a 2xx that was read in time. A redirect is no acceptance."""
        return self.error_code is None and self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004  # the 2xx class

    @property
    def needs_a_person(self) -> bool:
        """True where the receiver refuses us for a reason that time does not mend."""
        return self.status_code in PAGING_STATUS

    @property
    def failure(self) -> str | None:
        """The code of the failure, from a closed set, or None where the push was accepted."""
        if self.accepted:
            return None
        return self.error_code or f"http_{self.status_code}"


@dataclass(frozen=True, slots=True)
class PushDecision:
    """What becomes of a delivery: its next state, and in how many seconds it is due again (None: not by itself)."""

    state: DeliveryState
    due_in: float | None


def first_delay(policy: PushPolicy, spread: float) -> float:
    """Seconds from the delivery's beginning to its first try; ``spread`` is a random number in [0, 1)."""
    return _with_jitter(policy, policy.delays[0], spread)


def decide_push(policy: PushPolicy, attempt: int, result: PushResult, *, now: datetime, spread: float) -> PushDecision:
    """Decide after try number ``attempt`` (from 1); ``spread`` is a random number in [0, 1), for the jitter."""
    delay = _delay_after(policy, attempt)
    if result.accepted:
        again = delay if policy.until_acknowledged else None
        return PushDecision(DeliveryState.DELIVERED, None if again is None else _with_jitter(policy, again, spread))
    if delay is None or (policy.gone_ends and result.status_code == GONE):
        return PushDecision(DeliveryState.EXHAUSTED, None)
    asked = retry_after_seconds(result.retry_after, policy, now=now)
    return PushDecision(DeliveryState.RETRYING, max(_with_jitter(policy, delay, spread), asked or 0.0))


def retry_after_seconds(header: str | None, policy: PushPolicy, *, now: datetime) -> float | None:
    """The wait that a receiver asks for, within the policy's bounds; None where it asks for none or for nonsense.

    Both forms of RFC 9110, 10.2.3 are read: seconds, or a date.
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
    # only ever added: no try comes earlier than the schedule says
    return delay + spread * max(delay * policy.jitter_share, policy.jitter_floor)
