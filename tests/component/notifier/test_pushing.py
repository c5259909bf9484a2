"""The push loop with real receivers on real sockets."""

import pytest

from shared.domain.delivery import DeliveryState
from shared.domain.lanes import Lane
from tests.support.apps.notifying import PUBLIC_URL, assigned, endpoint, notifier, report, secret
from tests.support.receivers import answer, receiver


async def test_an_emergency_is_pushed_whole_and_signed(database_url: str) -> None:
    """The first push contains the full report, a valid signature and the ack_url."""
    async with receiver() as department, notifier(database_url, [endpoint(url=department.url)]) as service:
        await service.inbox.take_in([assigned(report())])
        assert await service.push_due() == 1
    [push] = department.pushes
    push.verify(secret("bpbd-1"))
    assert push.json["type"] == "report.assigned"
    assert push.json["data"]["reporter"] == {"name": "Siti", "phone": "+628120000001", "email": None}
    assert push.json["data"]["role"] == "owner"
    assert push.json["ack_url"] == f"{PUBLIC_URL}/v1/deliveries/{push.id}/ack"
    assert push.json["timestamp"].endswith("Z")


async def test_an_emergency_is_pushed_again_until_it_is_acknowledged(database_url: str) -> None:
    """After a 2xx an emergency is pushed again on schedule with the same webhook-id (N5)."""
    async with receiver() as department, notifier(database_url, [endpoint(url=department.url)]) as service:
        await service.inbox.take_in([assigned(report())])
        for delay in (0.0, 1.1, 2.2, 4.4, 8.8, 16.5, 33.0, 66.0, 66.0):
            service.clock.move(delay)
            assert await service.push_due() == 1
            assert await service.push_due() == 0
        assert len({push.id for push in department.pushes}) == 1
        assert len({push.body for push in department.pushes}) == 1
        assert len(department.pushes) == 9
        [delivery] = await service.store.of_report(report().report_id)
        assert delivery.state is DeliveryState.DELIVERED
        assert delivery.attempt == 9


async def test_a_routine_push_is_thin_and_made_once(database_url: str) -> None:
    """A routine push has the report's id and kecamatan and no personal data; a 2xx ends it."""
    body = report(lane="routine", category="INF-PJU", channel="laksa")
    lamp = endpoint("dishub-1", "DISHUB")
    async with (
        receiver() as department,
        notifier(database_url, [lamp.model_copy(update={"url": department.url})], lane=Lane.ROUTINE) as service,
    ):
        await service.inbox.take_in([assigned(body, "DISHUB")])
        service.clock.move(2.0)
        assert await service.push_due() == 1
        service.clock.move(1_000_000.0)
        assert await service.push_due() == 0
    data = department.pushes[0].json["data"]
    assert data["place"] == {"kecamatan": "CIPONDOH"}
    assert data["link"] == f"http://stats.test/v1/reports/{body.report_id}"
    assert b"Siti" not in department.pushes[0].body
    assert b"Kebakaran" not in department.pushes[0].body


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 429, 500, 502])
async def test_an_emergency_survives_every_refusal(database_url: str, status: int) -> None:
    """Every answer except 2xx is a failed try that is repeated; redirects are not followed."""
    async with receiver() as elsewhere, receiver(answer(), answer(status, {"Location": elsewhere.url})) as department:
        async with notifier(database_url, [endpoint(url=department.url)]) as service:
            await service.inbox.take_in([assigned(report())])
            await service.push_due()
            [delivery] = await service.store.of_report(report().report_id)
            assert delivery.state is DeliveryState.RETRYING
            service.clock.move(1.1)
            await service.push_due()
            kinds = [kind for kind, _ in await service.facts()]
            assert kinds == ["failed", "delivered"]
        assert elsewhere.pushes == []
        assert len(department.pushes) == 2
