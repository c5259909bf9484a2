"""The inbox: deliveries are committed before the offset moves, and answers end them."""

import asyncio
from datetime import timedelta

import pytest

from services.notifier.endpoints import NOBODY
from shared.domain.delivery import DeliveryState
from shared.domain.identity import delivery_id
from shared.domain.lanes import Lane, Mode
from tests.support.apps.notifying import notifier
from tests.support.builders.assignments import assigned, report, status_changed
from tests.support.builders.endpoints import endpoint
from tests.support.receivers import receiver

TWO = [endpoint("bpbd-1"), endpoint("bpbd-2"), endpoint("pln-1", "PLN")]


async def test_each_endpoint_has_a_delivery_of_its_own(database_url: str) -> None:
    """There is one row per (event, endpoint), with an id derived from both (N1)."""
    async with notifier(database_url, TWO) as service:
        assignment = assigned(report())
        await service.inbox.take_in([assignment])
        deliveries = await service.store.of_report(assignment.report_id)
        assert {delivery.id for delivery in deliveries} == {
            delivery_id(assignment.event_id, "bpbd-1"),
            delivery_id(assignment.event_id, "bpbd-2"),
        }
        assert {delivery.state for delivery in deliveries} == {DeliveryState.PENDING}
        assert all(
            (delivery.acknowledge_by or 0) - delivery.received_at == pytest.approx(60) for delivery in deliveries
        )


async def test_a_success_does_not_hide_a_failure(database_url: str) -> None:
    """Of two endpoints one succeeds and one fails; each delivery keeps its own state (N1)."""
    async with receiver() as good:
        known = [endpoint("bpbd-1", url=good.url), endpoint("bpbd-2", url="http://127.0.0.1:1/")]
        async with notifier(database_url, known) as service:
            await service.inbox.take_in([assigned(report())])
            await service.push_due()
            states = {
                delivery.endpoint_id: delivery.state for delivery in await service.store.of_report(report().report_id)
            }
            assert states == {"bpbd-1": DeliveryState.DELIVERED, "bpbd-2": DeliveryState.RETRYING}


async def test_the_same_event_again_changes_nothing(database_url: str) -> None:
    """A repeated event changes nothing, also within a batch or after a change of the endpoints file."""
    async with notifier(database_url, TWO[:1]) as service:
        await service.inbox.take_in([assigned(report()), assigned(report())])
        await service.inbox.take_in([assigned(report())])
        assert len(await service.store.of_report(report().report_id)) == 1
    async with notifier(database_url, TWO) as changed:
        await changed.inbox.take_in([assigned(report())])
        assert [one.endpoint_id for one in await changed.store.of_report(report().report_id)] == ["bpbd-1"]


async def test_an_informed_department_has_no_clock(database_url: str) -> None:
    """An informed department is pushed and has no deadline."""
    async with notifier(database_url, TWO) as service:
        await service.inbox.take_in([assigned(report(), "PLN", role="informed")])
        [delivery] = await service.store.of_report(report().report_id)
        assert (delivery.role, delivery.acknowledge_by) == ("informed", None)
        assert delivery.due_at is not None


async def test_a_subscribing_department_has_a_row_and_a_clock_but_no_push(database_url: str) -> None:
    """A subscribing department's delivery is not pushed and stays pending until it answers."""
    async with notifier(database_url, [endpoint("bpbd-reads", url=None)]) as service:
        await service.inbox.take_in([assigned(report())])
        assert await service.push_due() == 0
        [delivery] = await service.store.of_report(report().report_id)
        assert (delivery.state, delivery.due_at) == (DeliveryState.PENDING, None)
        assert delivery.acknowledge_by is not None
        await service.inbox.note_answers([status_changed(report())])
        [delivery] = await service.store.of_report(report().report_id)
        assert delivery.state is DeliveryState.ACKNOWLEDGED


async def test_a_report_without_endpoint_goes_to_the_live_room(database_url: str) -> None:
    """The Live Room is pushed, the department stays on record, and a metric counts it."""
    async with receiver() as desk, notifier(database_url, [endpoint("live-1", "LIVEROOM", url=desk.url)]) as service:
        await service.inbox.take_in([assigned(report())])
        assert await service.push_due() == 1
        [delivery] = await service.store.of_report(report().report_id)
        assert (delivery.opd, delivery.endpoint_opd) == ("BPBD", "LIVEROOM")
        assert service.metric("laksa_assignments_total", lane="emergency", reach="live_room") == 1


async def test_without_any_endpoint_a_row_keeps_the_alarm_on(database_url: str) -> None:
    """Without any endpoint a delivery still exists and alarms (N3)."""
    async with notifier(database_url, []) as service:
        await service.inbox.take_in([assigned(report())])
        [delivery] = await service.store.of_report(report().report_id)
        assert delivery.endpoint_id == NOBODY.id
        service.clock.move(61.0)
        await service.watch.look()
        assert service.metric("laksa_assignments_total", lane="emergency", reach="nobody") == 1
        assert service.metric("laksa_delivery_rows", lane="emergency", trouble="late") == 1
        assert service.metric("laksa_oldest_unacknowledged_seconds", lane="emergency") > 60


async def test_history_is_never_pushed(database_url: str) -> None:
    """A backfilled report creates an inbox row and no delivery, also when repeated."""
    history = report(mode=Mode.BACKFILL, lane="routine")
    async with notifier(database_url, TWO, lane=Lane.ROUTINE) as service:
        await service.inbox.take_in([assigned(history)])
        await service.inbox.take_in([assigned(history)])
        assert await service.store.of_report(history.report_id) == []
        assert service.metric("laksa_assignments_total", lane="routine", reach="department") == 1


async def test_a_drill_reaches_drill_endpoints_only(database_url: str) -> None:
    """An exercise reaches only exercise endpoints, and its facts carry the mode."""
    drill = report(mode=Mode.EXERCISE)
    async with receiver() as real, receiver() as training:
        known = [endpoint(url=real.url), endpoint("bpbd-drill", url=training.url, exercise=True)]
        async with notifier(database_url, known) as service:
            await service.inbox.take_in([assigned(drill)])
            assert await service.push_due() == 1
            assert {fact.mode for _, fact in await service.facts()} == {"exercise"}
        assert len(training.pushes) == 1
        assert training.pushes[0].json["data"]["mode"] == "exercise"
        assert real.pushes == []


async def test_an_answer_stops_that_departments_pushes_only(database_url: str) -> None:
    """An answer stops the pushes to that department only (N12)."""
    async with notifier(database_url, TWO) as service:
        await service.inbox.take_in([assigned(report()), assigned(report(), "PLN", role="informed")])
        await service.inbox.note_answers([status_changed(report(), "BPBD", "in_progress")])
        states = {one.endpoint_id: (one.state, one.due_at) for one in await service.store.of_report(report().report_id)}
        assert states["bpbd-1"] == states["bpbd-2"] == (DeliveryState.ACKNOWLEDGED, None)
        assert states["pln-1"][0] is DeliveryState.PENDING
        assert states["pln-1"][1] is not None
        facts = await service.facts()
        assert [kind for kind, _ in facts] == ["acknowledged", "acknowledged"]
        assert {(fact.acknowledged_by, fact.acknowledged_via) for _, fact in facts} == {("Budi", "department")}


async def test_an_answer_that_overtakes_its_report_counts(database_url: str) -> None:
    """If the answer arrives before the report, the new delivery is already acknowledged."""
    async with notifier(database_url, TWO) as service:
        await service.inbox.note_answers([status_changed(report())])
        await service.inbox.take_in([assigned(report())])
        deliveries = await service.store.of_report(report().report_id)
        assert {delivery.state for delivery in deliveries} == {DeliveryState.ACKNOWLEDGED}
        assert await service.push_due() == 0
        assert [kind for kind, _ in await service.facts()] == ["acknowledged"] * 2


async def test_the_same_answer_again_tells_nothing_new(database_url: str) -> None:
    """A repeated answer publishes no second fact."""
    async with notifier(database_url, TWO[:1]) as service:
        await service.inbox.take_in([assigned(report())])
        await service.inbox.note_answers([status_changed(report()), status_changed(report())])
        await service.inbox.note_answers([status_changed(report(), status="in_progress")])
        assert len(await service.facts()) == 1


async def test_answers_and_reports_at_the_same_time_meet(database_url: str) -> None:
    """Concurrent answers and reports leave no delivery open."""
    async with notifier(database_url, TWO) as service:
        reports = [report(number) for number in range(20)]
        await asyncio.gather(
            *(service.inbox.take_in([assigned(one)]) for one in reports),
            *(service.inbox.note_answers([status_changed(one)]) for one in reports),
        )
        for one in reports:
            states = {delivery.state for delivery in await service.store.of_report(one.report_id)}
            assert states == {DeliveryState.ACKNOWLEDGED}


async def test_a_batch_is_taken_in_as_one(database_url: str) -> None:
    """A batch of 500 assignments creates 500 deliveries."""
    batch = [assigned(report(number, lane="routine", category="INF-PJU")) for number in range(500)]
    async with notifier(database_url, TWO[:1], lane=Lane.ROUTINE) as service:
        await service.inbox.take_in(batch)
        assert len(await service.store.in_state(Lane.ROUTINE, DeliveryState.PENDING)) == 500
        service.clock.move(timedelta(seconds=2))
        assert service.metric("laksa_deliveries_total", lane="routine", state="pending") == 500


async def test_facts_hold_no_personal_data(database_url: str) -> None:
    """Lifecycle facts contain nothing of the reporter, the text or the exact place (S4)."""
    async with receiver() as department, notifier(database_url, [endpoint(url=department.url)]) as service:
        await service.inbox.take_in([assigned(report())])
        await service.push_due()
        await service.inbox.note_answers([status_changed(report())])
        rows = await service.outbox.pending(10)
        kept = b"".join(row.record.value + repr(row.record.headers).encode() for row in rows)
    assert len(rows) == 2
    for canary in (b"Siti", b"+62812", b"Kebakaran", b"Pasar", b"-6.17", b"106.63"):
        assert canary not in kept
