"""Operations on the notifier's tables inside one transaction."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.assignment import Assignment
from services.notifier.deliveries import Acknowledgement, Delivery
from services.notifier.endpoints import Endpoint
from services.notifier.schedule import PushDecision, PushPolicy, PushResult
from services.notifier.tables import answers, attempts, callbacks, deliveries, inbox
from shared.db.outbox import Outbox
from shared.domain.delivery import SETTLED, DeliveryState
from shared.domain.lanes import Lane
from shared.events.outgoing import OutgoingRecord

OPEN = tuple(state.value for state in DeliveryState if state not in SETTLED)

Case = tuple[UUID, str]  # a report at a department


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """An assignment with the recipients and the policy that are stored with it."""

    assignment: Assignment
    endpoints: Sequence[Endpoint]
    policy: PushPolicy


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that only this worker may push until the lease expires, with everything that the push needs.

    ``policy`` and ``data`` are as stored; if they cannot be read, the try fails.
    """

    delivery: Delivery
    token: str
    kind: str
    happened_at: float
    policy: str
    data: bytes


class StoreTransaction:
    """The operations of one transaction."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox) -> None:
        self._connection = connection
        self._outbox = outbox
        self._insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        self.published = False

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        """Publish records after, and only if, this transaction commits."""
        await self._outbox.add(self._connection, records)
        self.published = self.published or bool(records)

    async def register_cases(self, cases: Collection[Case]) -> dict[Case, Acknowledgement]:
        """Store these cases and return the answers that their departments have already given."""
        wanted = sorted(set(cases), key=str)  # a fixed order prevents deadlocks between transactions
        await self._connection.execute(
            self._insert(answers).on_conflict_do_nothing(),
            [{"report_id": report_id, "opd": opd} for report_id, opd in wanted],
        )
        answered = select(answers).where(
            tuple_(answers.c.report_id, answers.c.opd).in_(wanted), answers.c.status.is_not(None)
        )
        return {
            (row.report_id, row.opd): Acknowledgement(row.answered_by, "department", row.answered_at)
            for row in await self._connection.execute(answered)
        }

    async def note_answer(self, case: Case, status: str, answer: Acknowledgement) -> None:
        """Store a department's answer, so that it also applies to later assignments."""
        told = {"status": status, "answered_by": answer.by, "answered_at": answer.at}
        row = {"report_id": case[0], "opd": case[1], **told}
        await self._connection.execute(
            self._insert(answers).values(row).on_conflict_do_update(index_elements=["report_id", "opd"], set_=told)
        )

    async def register(self, entries: Sequence[InboxEntry], now: float) -> set[str]:
        """Insert inbox rows and return the event ids that are new."""
        new = await self._connection.execute(
            self._insert(inbox).on_conflict_do_nothing().returning(inbox.c.event_id),
            [_inbox_row(entry, now) for entry in entries],
        )
        return {row.event_id for row in new}

    async def add(self, new_deliveries: Sequence[Delivery]) -> None:
        """Insert new deliveries."""
        if new_deliveries:
            rows = [asdict(delivery) for delivery in new_deliveries]
            await self._connection.execute(self._insert(deliveries).on_conflict_do_nothing(), rows)

    async def claim(self, ids: Sequence[UUID], *, now: float, until: float, token: str) -> list[Claimed]:
        """Lease the deliveries that are still due; this counts as one more try of each."""
        taken = update(deliveries).where(deliveries.c.id.in_(ids), deliveries.c.due_at <= now)
        leased = await self._connection.execute(
            taken.values(
                state=DeliveryState.SENDING,
                attempt=deliveries.c.attempt + 1,
                fresh=False,
                due_at=until,
                lease_token=token,
                lease_until=until,
            ).returning(deliveries.c.id)
        )
        mine = [row.id for row in leased]
        if not mine:
            return []
        died = update(attempts).where(attempts.c.delivery_id.in_(mine), attempts.c.outcome.is_(None))
        await self._connection.execute(died.values(outcome="interrupted", ended_at=now))
        frozen = (inbox.c.kind, inbox.c.happened_at, inbox.c.policy, inbox.c.data)
        rows = await self._connection.execute(
            select(deliveries, *frozen).join(inbox, inbox.c.event_id == deliveries.c.event_id)
            .where(deliveries.c.id.in_(mine)).order_by(deliveries.c.received_at)
        )  # fmt: skip
        claimed = [Claimed(delivery_of(row), token, row.kind, row.happened_at, row.policy, row.data) for row in rows]
        tries = [
            {"delivery_id": one.delivery.id, "attempt": one.delivery.attempt, "started_at": now} for one in claimed
        ]
        await self._connection.execute(insert(attempts), tries)
        return claimed

    async def settle(self, claimed: Claimed, result: PushResult, step: PushDecision, *, now: float) -> bool:
        """Store the result of a try; False if another worker holds the lease: then nothing changes."""
        delivery = claimed.delivery
        mine = and_(deliveries.c.id == delivery.id, deliveries.c.lease_token == claimed.token)
        # lock order: delivery, then attempts, as in `claim`; prevents deadlock
        changed = await self._connection.execute(
            update(deliveries).where(mine).values(
                state=step.state,
                due_at=None if step.due_in is None else now + step.due_in,
                lease_token=None,
                lease_until=None,
            ).returning(deliveries.c.id)
        )  # fmt: skip
        is_mine = changed.first() is not None
        this_try = and_(attempts.c.delivery_id == delivery.id, attempts.c.attempt == delivery.attempt)
        await self._connection.execute(
            update(attempts).where(this_try).values(
                ended_at=now,
                outcome=result.failure or "accepted",
                status_code=result.status_code,
                latency_ms=result.latency_ms,
            )
        )  # fmt: skip
        return is_mine

    async def acknowledge(
        self, which: ColumnElement[bool], answer: Acknowledgement, *, note: str | None = None, eta: float | None = None
    ) -> list[Delivery]:
        """Acknowledge the open deliveries among those selected, and revoke their leases."""
        changed = await self._connection.execute(
            update(deliveries).where(which, deliveries.c.state.in_(OPEN)).values(
                state=DeliveryState.ACKNOWLEDGED,
                due_at=None,
                lease_token=None,
                lease_until=None,
                acknowledged_at=answer.at,
                acknowledged_by=answer.by,
                acknowledged_via=answer.via,
                note=note,
                eta=eta,
            ).returning(*deliveries.c)
        )  # fmt: skip
        return [delivery_of(row) for row in changed]

    async def bind_callback(self, endpoint_id: str, message_id: str, delivery_id: UUID) -> bool:
        """Bind a callback's message id to a delivery; False if it was used for another one."""
        row = {"endpoint_id": endpoint_id, "message_id": message_id, "delivery_id": delivery_id}
        await self._connection.execute(self._insert(callbacks).values(row).on_conflict_do_nothing())
        used = select(callbacks.c.delivery_id).where(
            callbacks.c.endpoint_id == endpoint_id, callbacks.c.message_id == message_id
        )
        return bool((await self._connection.execute(used)).scalar_one() == delivery_id)


def by_id(delivery_id: UUID) -> ColumnElement[bool]:
    """Select one delivery."""
    return deliveries.c.id == delivery_id


def by_case(case: Case) -> ColumnElement[bool]:
    """Select all deliveries of a report to a department."""
    return and_(deliveries.c.report_id == case[0], deliveries.c.opd == case[1])


def delivery_of(row: Row[Any]) -> Delivery:
    """Convert a table row to a delivery."""
    known = {field.name: getattr(row, field.name) for field in fields(Delivery)}
    return Delivery(**known | {"lane": Lane(row.lane), "state": DeliveryState(row.state)})


def _inbox_row(entry: InboxEntry, now: float) -> dict[str, Any]:
    assignment = entry.assignment
    frozen = [endpoint.model_dump(exclude={"secret", "previous_secrets"}) for endpoint in entry.endpoints]
    return {
        "event_id": assignment.event_id,
        "report_id": assignment.report_id,
        "opd": assignment.opd,
        "lane": entry.policy.name,
        "mode": assignment.mode,
        "role": assignment.role,
        "kind": assignment.kind,
        "category": assignment.category,
        "happened_at": assignment.happened_at.timestamp(),
        "received_at": assignment.received_at.timestamp(),
        "taken_at": now,
        "traceparent": assignment.traceparent,
        "data": assignment.data,
        "policy": json.dumps(asdict(entry.policy)),
        "endpoints": json.dumps(frozen),
    }
