"""Leases: exclusive claims, and recovery from a worker that died, hung or failed."""

import asyncio

import pytest
from sqlalchemy import select, update

from services.notifier.push_loop import LEASE_SECONDS
from services.notifier.schedule import PushDecision, PushResult
from services.notifier.tables import attempts, inbox
from services.notifier.transaction import Claimed
from shared.domain.delivery import DeliveryState
from shared.domain.lanes import Lane
from tests.support.apps.notifying import Notifier, TestClock, assigned, endpoint, notifier, report, status_changed
from tests.support.receivers import answer, hang, receiver
from tests.support.waiting import eventually

DELIVERED = PushDecision(DeliveryState.DELIVERED, None)


async def claim(service: Notifier, token: str) -> list[Claimed]:
    """Lease all due deliveries, as a worker that then disappears."""
    now = service.clock()
    ids = await service.store.due(service.push_loop._quotas(), now)
    async with service.store.transaction() as work:
        return await work.claim(ids, now=now, until=now + LEASE_SECONDS[service.lane], token=token) if ids else []


async def test_what_is_leased_is_not_due(database_url: str) -> None:
    """Two concurrent workers never claim the same delivery."""
    async with notifier(database_url, [endpoint()]) as service:
        await service.inbox.take_in([assigned(report())])
        now = service.clock()
        ids = await service.store.due(service.push_loop._quotas(), now)

        async def take(token: str) -> list[Claimed]:
            async with service.store.transaction() as work:
                return await work.claim(ids, now=now, until=now + 15, token=token)

        taken = await asyncio.gather(take("a"), take("b"))
        assert sorted(len(claimed) for claimed in taken) == [0, 1]


async def test_a_dead_workers_delivery_is_pushed_again(database_url: str) -> None:
    """15 s after a kill, another process pushes the delivery with the same webhook-id (F18, F19)."""
    clock = TestClock()
    async with receiver() as department:
        known = [endpoint(url=department.url)]
        async with notifier(database_url, known, clock=clock) as first:
            await first.inbox.take_in([assigned(report())])
            [claimed] = await claim(first, "dead")
        async with notifier(database_url, known, clock=clock) as second:
            clock.move(14.9)
            assert await second.push_due() == 0
            clock.move(0.2)
            assert await second.push_due() == 1
            [delivery] = await second.store.of_report(report().report_id)
            assert (delivery.state, delivery.attempt) == (DeliveryState.DELIVERED, 2)
            async with second.engine.connect() as connection:
                outcomes = list(await connection.scalars(select(attempts.c.outcome).order_by(attempts.c.attempt)))
            assert outcomes == ["interrupted", "accepted"]
    assert department.pushes[0].id == str(claimed.delivery.id)


async def test_a_stale_result_changes_nothing(database_url: str) -> None:
    """A worker that resumes after its lease expired changes nothing and publishes no fact (N14, F20)."""
    async with notifier(database_url, [endpoint()]) as service:
        await service.inbox.take_in([assigned(report())])
        [stale] = await claim(service, "stale")
        service.clock.move(15.1)
        [current] = await claim(service, "current")
        async with service.store.transaction() as work:
            assert not await work.settle(stale, PushResult(status_code=200), DELIVERED, now=service.clock())
        [delivery] = await service.store.of_report(report().report_id)
        assert delivery.state is DeliveryState.SENDING
        async with service.store.transaction() as work:
            assert await work.settle(current, PushResult(status_code=200), DELIVERED, now=service.clock())
        await service.push_loop._settle(stale, PushResult(status_code=500))
        [delivery] = await service.store.of_report(report().report_id)
        assert delivery.state is DeliveryState.DELIVERED
        assert await service.facts() == []
        assert service.metric("laksa_push_attempts_total", lane="emergency", outcome="stale") == 1


async def test_an_answer_during_a_push_stands(database_url: str) -> None:
    """An acknowledgement during a push is kept (F37)."""
    async with receiver(hang) as department, notifier(database_url, [endpoint(url=department.url)]) as service:
        await service.inbox.take_in([assigned(report())])
        await service.push_loop.start_due()
        await department.wait_for_pushes(1)
        await service.inbox.note_answers([status_changed(report())])
        await service.pushes_ended()
        [delivery] = await service.store.of_report(report().report_id)
        assert (delivery.state, delivery.due_at) == (DeliveryState.ACKNOWLEDGED, None)
        assert [kind for kind, _ in await service.facts()] == ["acknowledged"]


@pytest.mark.parametrize("column", ["data", "policy"])
async def test_a_report_that_breaks_our_own_code_backs_off(database_url: str, column: str) -> None:
    """An unexpected error in the push loop counts as a failed try and follows the schedule (N15)."""
    async with receiver() as department, notifier(database_url, [endpoint(url=department.url)]) as service:
        await service.inbox.take_in([assigned(report())])
        async with service.engine.begin() as connection:
            await connection.execute(update(inbox).values({column: b"\xff{" if column == "data" else "{"}))
        for attempt, delay in enumerate((0.0, 1.1, 2.2), start=1):
            service.clock.move(delay)
            assert await service.push_due() == 1
            [delivery] = await service.store.of_report(report().report_id)
            assert (delivery.state, delivery.attempt) == (DeliveryState.RETRYING, attempt)
            assert (delivery.due_at or 0) > service.clock()
        assert {fact.error_code for _, fact in await service.facts()} == {"internal"}
        assert department.pushes == []


async def test_an_endpoint_without_secret_is_a_failed_try_that_pages(database_url: str) -> None:
    """A delivery to a removed endpoint keeps failing with an alarm."""
    async with receiver() as department:
        async with notifier(database_url, [endpoint(url=department.url)]) as before:
            await before.inbox.take_in([assigned(report())])
        async with notifier(database_url, [endpoint("bpbd-other")]) as after:
            after.push_loop._known |= await after.store.endpoints_in_use()
            assert await after.push_due() == 1
            assert [fact.error_code for _, fact in await after.facts()] == ["endpoint_removed"]
            assert after.metric("laksa_push_needs_person_total", lane="emergency") == 1
        assert department.pushes == []


async def test_a_changed_address_does_not_move_old_deliveries(database_url: str) -> None:
    """Existing deliveries keep their address; a changed secret signs at once, together with the previous one (F38)."""
    async with receiver() as old, receiver() as new:
        before = endpoint(url=old.url)
        async with notifier(database_url, [before]) as service:
            await service.inbox.take_in([assigned(report())])
        rotated = endpoint(url=new.url, secret=endpoint("rotated").secret, previous_secrets=(before.secret or "",))
        async with notifier(database_url, [rotated]) as service:
            await service.push_due()
        assert new.pushes == []
        for key in rotated.secrets:
            old.pushes[0].verify(key)


async def test_a_hanging_receiver_leaves_room_for_new_emergencies(database_url: str) -> None:
    """Retries use at most half the slots of an endpoint and none of other endpoints."""
    async with receiver(hang) as stuck, receiver() as healthy:
        known = [endpoint("bpbd-1", url=stuck.url), endpoint("pln-1", "PLN", url=healthy.url)]
        async with notifier(database_url, known) as service:
            await service.inbox.take_in([assigned(report(number)) for number in range(20)])
            for one in await claim(service, "dead"):
                assert one.delivery.attempt == 1
            service.clock.move(15.1)
            await service.push_loop.start_due()
            assert await service.push_loop.start_due() == 0
            await service.inbox.take_in([assigned(report(99), "PLN")])
            assert await service.push_loop.start_due() == 1
            await healthy.wait_for_pushes(1)
            in_hand = [
                one.delivery.attempt for one in service.push_loop._in_hand.values() if one.delivery.opd == "BPBD"
            ]
            assert len(in_hand) == 8
            await service.push_loop.finish(0.0)


async def test_untried_deliveries_go_first(database_url: str) -> None:
    """Untried deliveries are claimed before retries."""
    async with notifier(database_url, [endpoint()]) as service:
        await service.inbox.take_in([assigned(report(number)) for number in range(6)])
        await claim(service, "dead")
        service.clock.move(20.0)
        await service.inbox.take_in([assigned(report(number)) for number in range(10, 16)])
        fresh_first = [one.delivery.attempt for one in await claim(service, "next")]
        assert sorted(fresh_first) == [1] * 6 + [2] * 2


async def test_the_loop_pushes_as_soon_as_something_is_taken_in(database_url: str) -> None:
    """New deliveries wake the running loop; it stops with no push in progress."""
    async with receiver() as department, notifier(database_url, [endpoint(url=department.url)]) as service:
        stopping = asyncio.Event()
        loop = asyncio.create_task(service.push_loop.run(stopping))
        await service.inbox.take_in([assigned(report())])
        await department.wait_for_pushes(1, seconds=2.0)
        stopping.set()
        await asyncio.wait_for(loop, 5.0)
        assert service.push_loop._in_hand == {}
        assert service.metric("laksa_end_to_end_seconds_count", lane="emergency", stage="first_push") == 1


async def test_a_routine_delivery_is_exhausted_with_an_alarm(database_url: str) -> None:
    """After the tenth failure a delivery is listed and counted as exhausted, and can still be acknowledged (N3)."""
    body = report(lane="routine", category="INF-PJU")
    async with (
        receiver(answer(500)) as department,
        notifier(database_url, [endpoint(url=department.url)], lane=Lane.ROUTINE) as service,
    ):
        await service.inbox.take_in([assigned(body)])
        for _ in range(10):
            service.clock.move(30 * 3600.0)
            assert await service.push_due() == 1
        service.clock.move(30 * 3600.0)
        assert await service.push_due() == 0
        [delivery] = await service.store.in_state(Lane.ROUTINE, DeliveryState.EXHAUSTED)
        await service.watch.look()
        assert service.metric("laksa_delivery_rows", lane="routine", trouble="exhausted") == 1
        assert [kind for kind, _ in await service.facts()] == ["failed"] * 10 + ["exhausted"]
        await service.inbox.note_answers([status_changed(body)])
        found = await service.store.find(delivery.id)
        assert found is not None
        assert found.state is DeliveryState.ACKNOWLEDGED


async def test_a_forgotten_delivery_is_noticed(database_url: str) -> None:
    """A delivery overdue by more than 15 s is shown in the metrics (figure of N10)."""
    async with notifier(database_url, [endpoint()]) as service:
        await service.inbox.take_in([assigned(report())])
        await service.watch.look()
        assert service.metric("laksa_delivery_rows", lane="emergency", trouble="overdue") == 0
        service.clock.move(16.0)
        await service.watch.look()
        assert service.metric("laksa_delivery_rows", lane="emergency", trouble="overdue") == 1


async def test_lifecycle_ids_tell_the_tries_apart(database_url: str) -> None:
    """Each try has its own event id, and a repeated fact has the same id."""
    async with notifier(database_url, [endpoint(url="http://127.0.0.1:1/")]) as service:
        await service.inbox.take_in([assigned(report())])
        for _ in range(3):
            service.clock.move(70.0)
            await service.push_due()
        rows = await service.outbox.pending(10)
        ids = {dict(row.record.headers)["ce_id"] for row in rows}
        assert len(ids) == len(rows) == 3
        assert [fact.attempt for _, fact in await service.facts()] == [1, 2, 3]
        await eventually(lambda: not service.push_loop._in_hand)
