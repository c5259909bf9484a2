"""The spool: accepted requests and the records to publish for them are on disk before the client is answered.

One SQLite file per lane. Concurrent requests share one commit and one fdatasync.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import partial

from services.intake.metrics import IntakeMetrics
from services.intake.spool_file import PURGE_ROWS, KnownRequests, SpoolFile, recall
from shared.db.outbox import outbox_rows
from shared.domain.lanes import Mode
from shared.errors import DatabaseUnavailable
from shared.events.outgoing import OutgoingRecord
from shared.observability.logs import logger
from shared.process.waiting import wait_or_stop

COMMIT_BATCH = 200  # most requests in one commit, so that the first of a burst does not wait for the last
SUBMIT_SECONDS = 3.0  # a slower disk counts as down: the channel should retry
ELSEWHERE_SECONDS = 0.5  # for the other lane's file; one lane never waits long for the other
REMEMBERED = timedelta(days=7)
PURGE_SECONDS = 3600.0
WATCH_SECONDS = 1.0
FULL = 0.7  # share of the limit; the rest is reserved for requests in progress

REMEMBER = "INSERT INTO requests (name, body_digest, answer, accepted_at) VALUES (?, ?, ?, ?)"
# OR IGNORE: report rows outlive request rows, which are purged after 7 days
REGISTER = "INSERT OR IGNORE INTO reports (report_id, mode, accepted_at) VALUES (?, ?, ?)"
PUBLISH = (
    "INSERT INTO outbox (topic, key, value, headers, created_at) VALUES (:topic, :key, :value, :headers, :created_at)"
)

log = logger(__name__)


class RepeatStatus(Enum):
    """How an accepted request relates to earlier ones of the same name."""

    NEW = "new"
    REUSED = "reused"  # the name was used before with another body
    UNCERTAIN = "uncertain"  # the other lane's file does not answer, so this may be a repeat


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The rows that accepting a request writes; ``report_id`` is None for an unreadable call."""

    report_id: str | None
    mode: Mode
    answer: bytes
    records: Sequence[OutgoingRecord]


@dataclass(frozen=True, slots=True)
class Entry:
    """A request to store. ``name`` is None if a repeat cannot be recognised.

    ``lenient``: another body under the same name is another report, not a mistake to refuse.
    """

    name: bytes | None
    digest: bytes
    lenient: bool
    accept: Callable[[RepeatStatus], Acceptance]


@dataclass(frozen=True, slots=True)
class Accepted:
    """On disk, now."""

    acceptance: Acceptance


@dataclass(frozen=True, slots=True)
class Repeated:
    """Stored before; the answer is the first one."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Mismatched:
    """The name was used before with another body."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """The other lane's file does not answer, so a repeat cannot be excluded; nothing was written."""


Outcome = Accepted | Repeated | Mismatched | Undecided


def judge(entry: Entry, own: KnownRequests, elsewhere: KnownRequests | None) -> Outcome:
    """Decide one request from the known requests of both lanes; None: the other lane does not answer."""
    if entry.name is None:
        return Accepted(entry.accept(RepeatStatus.NEW))
    remembered = own.get(entry.name, {}) | (elsewhere or {}).get(entry.name, {})
    if entry.digest in remembered:
        return Repeated(remembered[entry.digest])
    if remembered and not entry.lenient:
        return Mismatched()
    if remembered:
        return Accepted(entry.accept(RepeatStatus.REUSED))
    if elsewhere is None and not entry.lenient:
        return Undecided()
    return Accepted(entry.accept(RepeatStatus.NEW if elsewhere is not None else RepeatStatus.UNCERTAIN))


class Spool:
    """Stores the requests of one lane in groups. `run` must be running; `close` ends it after the last commit."""

    def __init__(self, own: SpoolFile, other: SpoolFile, *, limit_bytes: int, metrics: IntakeMetrics) -> None:
        self.lane = own.lane
        self._own = own
        self._other = other
        self._limit = limit_bytes
        self._bytes = metrics.spool_bytes.labels(own.lane)
        self._seconds = metrics.committing.labels(own.lane)
        self._queue: list[tuple[Entry, asyncio.Future[Outcome]]] = []
        self._work = asyncio.Event()
        self._closed = False
        self._used = 0

    @property
    def has_room(self) -> bool:
        """False if more than 70 % of the limit was in use at the last measurement."""
        return self._used < self._limit * FULL

    async def submit(self, entry: Entry) -> Outcome:
        """Return when the result of the request is on disk.

        Raises:
            DatabaseUnavailable: it was not stored in time. After a timeout it may still be stored, under the same ids.
        """
        if self._closed:
            raise DatabaseUnavailable("The spool is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        self._queue.append((entry, future))
        self._work.set()
        expiry = loop.call_later(SUBMIT_SECONDS, _expire, future)
        try:
            return await future
        finally:
            expiry.cancel()

    async def run(self, _stopping: asyncio.Event) -> None:
        """Commit until closed. It does not end at ``stopping``, because consumers still commit records in progress."""
        while not (self._closed and not self._queue):
            await self._work.wait()
            self._work.clear()
            while self._queue:
                group, self._queue = self._queue[:COMMIT_BATCH], self._queue[COMMIT_BATCH:]
                # callers that no longer wait were told that nothing is stored
                await self._settle([one for one in group if not one[1].done()])

    async def close(self) -> None:
        """Accept nothing more and let `run` end."""
        self._closed = True
        self._work.set()

    async def watch(self, stopping: asyncio.Event) -> None:
        """Measure the file's size and purge old requests until stopped."""
        purge_at = 0.0
        while not stopping.is_set():
            try:
                self._used = await self._own.used_bytes()
                self._bytes.set(self._used)
                if time.monotonic() >= purge_at:
                    forgotten = await self._own.forget_before(time.time() - REMEMBERED.total_seconds())
                    purge_at = time.monotonic() + (0 if forgotten == PURGE_ROWS else PURGE_SECONDS)
            except DatabaseUnavailable as error:
                log.warning("The size of the spool could not be measured", lane=self.lane, reason=str(error))
            await wait_or_stop(stopping, WATCH_SECONDS)

    async def _settle(self, group: Sequence[tuple[Entry, "asyncio.Future[Outcome]"]]) -> None:
        if not group:
            return
        try:
            with self._seconds.time():
                outcomes = await self._commit([entry for entry, _ in group])
        except DatabaseUnavailable as error:
            _fail(group, error)
        except Exception as error:
            if len(group) > 1:  # one of them failed: store the others one by one
                for one in group:
                    await self._settle([one])
                return
            log.exception("A request could not be written to the spool", lane=self.lane)
            _fail(group, error)
        else:
            for (_, future), outcome in zip(group, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)

    async def _commit(self, entries: Sequence[Entry]) -> list[Outcome]:
        elsewhere = await self._recall_elsewhere(_names_of(entries))
        outcomes = await self._own.commit(partial(_decide_and_write, entries, elsewhere))
        if any(isinstance(outcome, Accepted) for outcome in outcomes):
            self._own.outbox.wake()
        return outcomes

    async def _recall_elsewhere(self, names: Sequence[bytes]) -> KnownRequests | None:
        """Known requests of the other lane: the same reference may come with a body that takes another lane."""
        if not names:
            return {}
        try:
            return await asyncio.wait_for(self._other.recall(names), ELSEWHERE_SECONDS)
        except (DatabaseUnavailable, TimeoutError):
            log.warning("The other lane's spool does not answer", lane=self.lane)
            return None


def _names_of(entries: Sequence[Entry]) -> list[bytes]:
    return [entry.name for entry in entries if entry.name is not None]


def _decide_and_write(
    entries: Sequence[Entry], elsewhere: KnownRequests | None, connection: sqlite3.Connection
) -> list[Outcome]:
    """Decide and write each request of a group. Runs in the file's thread."""
    own = recall(_names_of(entries), connection)
    outcomes = [_judge_in_turn(entry, own, elsewhere) for entry in entries]
    accepted = [
        (entry, outcome.acceptance)
        for entry, outcome in zip(entries, outcomes, strict=True)
        if isinstance(outcome, Accepted)
    ]
    now = time.time()
    connection.executemany(
        REMEMBER, [(entry.name, entry.digest, one.answer, now) for entry, one in accepted if entry.name is not None]
    )
    connection.executemany(
        REGISTER, [(one.report_id, one.mode, now) for _, one in accepted if one.report_id is not None]
    )
    connection.executemany(PUBLISH, outbox_rows([record for _, one in accepted for record in one.records]))
    return outcomes


def _judge_in_turn(entry: Entry, own: KnownRequests, elsewhere: KnownRequests | None) -> Outcome:
    """Judge one request of a group, and add it to the known requests for later ones of the same name."""
    outcome = judge(entry, own, elsewhere)
    if isinstance(outcome, Accepted) and entry.name is not None:
        own.setdefault(entry.name, {})[entry.digest] = outcome.acceptance.answer
    return outcome


def _expire(future: "asyncio.Future[Outcome]") -> None:
    if not future.done():
        future.set_exception(DatabaseUnavailable("The spool did not commit in time"))


def _fail(group: Sequence[tuple[Entry, "asyncio.Future[Outcome]"]], error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
