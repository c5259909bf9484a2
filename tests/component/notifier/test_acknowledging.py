"""Callbacks over HTTP: authenticated, bound to delivery and department, idempotent, never by GET (N11, class 15)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest
import yaml

from services.notifier.app import build_app
from services.notifier.deliveries import Delivery
from services.notifier.endpoints import Endpoint
from services.notifier.settings import NotifierSettings
from services.notifier.signing import sign
from shared.db.engine import sqlite_url
from shared.domain.delivery import DeliveryState
from shared.domain.lanes import Lane
from shared.errors import ConfigurationError
from shared.settings import KafkaSettings
from tests.support.apps.notifying import Notifier, notifier
from tests.support.builders.assignments import assigned, report
from tests.support.builders.endpoints import endpoint, secret
from tests.support.receivers import unused_port

KNOWN = [endpoint("bpbd-1"), endpoint("bpbd-2"), endpoint("pln-1", "PLN"), endpoint("bpbd-reads", url=None)]


@dataclass
class Served:
    """The application over HTTP, and access to its database."""

    client: httpx2.AsyncClient
    inside: Notifier

    async def delivery(self, endpoint_id: str = "bpbd-1", number: int = 0) -> Delivery:
        """The n-th report's delivery to an endpoint."""
        deliveries = await self.inside.store.of_report(report(number).report_id)
        return next(delivery for delivery in deliveries if delivery.endpoint_id == endpoint_id)

    async def acknowledge(
        self,
        delivery_id: UUID | str,
        said: Any = None,
        *,
        signer: str = "bpbd-1",
        message_id: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """Post a callback signed by an endpoint."""
        body = said if isinstance(said, bytes) else orjson.dumps({"by": "Sari"} if said is None else said)
        signed = sign([secret(signer)], message_id or str(delivery_id), body, at=datetime.now(UTC))
        return await self.client.post(
            f"/v1/deliveries/{delivery_id}/ack", content=body, headers=signed | (headers or {})
        )


def settings_for(url: str, directory: Path, known: list[Endpoint], lane: Lane = Lane.EMERGENCY) -> NotifierSettings:
    """Settings of a notifier whose Kafka is down."""
    path = directory / "endpoints.yaml"
    path.write_text(yaml.safe_dump({"endpoints": [one.model_dump(mode="json") for one in known]}), encoding="utf-8")
    return NotifierSettings(
        lane=lane,
        database_url=url,
        endpoints_file=path,
        public_url="http://127.0.0.1:8103",
        kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{unused_port()}"),
    )


@asynccontextmanager
async def serving(url: str, directory: Path) -> AsyncIterator[Served]:
    """The application with one emergency taken in."""
    app = build_app(settings_for(url, directory, KNOWN))
    async with notifier(url, KNOWN) as inside:
        await inside.inbox.take_in([assigned(report())])
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client,
        ):
            yield Served(client, inside)


@pytest.fixture
async def served(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """The application with one emergency taken in."""
    async with serving(database_url, tmp_path) as made:
        yield made


async def test_a_signed_callback_acknowledges(served: Served) -> None:
    """A callback stops the pushes and publishes a fact with the name and without the note."""
    delivery = (await served.delivery()).id
    said = {"by": "Sari", "note": "Unit 3 berangkat", "eta": "2026-11-20T10:15:00+07:00"}
    answer = await served.acknowledge(delivery, said)
    assert answer.status_code == 200
    assert answer.json() | {"acknowledged_at": "-"} == {
        "delivery_id": str(delivery),
        "state": "acknowledged",
        "acknowledged_at": "-",
        "by": "Sari",
    }
    acknowledged = await served.delivery()
    assert (acknowledged.state, acknowledged.due_at) == (DeliveryState.ACKNOWLEDGED, None)
    rows = await served.inside.outbox.pending(100)
    kept = [row.record for row in rows if b"acknowledged_via" in row.record.value and b"callback" in row.record.value]
    assert len(kept) == 1
    assert b"Unit 3" not in kept[0].value


async def test_a_repeated_callback_answers_the_same(served: Served) -> None:
    """A repeated callback, even by another person, returns the first acknowledgement."""
    delivery = (await served.delivery()).id
    first = await served.acknowledge(delivery, {"by": "Sari"})
    again = await served.acknowledge(delivery, {"by": "Sari"})
    other = await served.acknowledge(delivery, {"by": "Joko"}, signer="bpbd-2")
    assert first.status_code == again.status_code == other.status_code == 200
    assert first.json() == again.json() == other.json()


async def test_an_empty_callback_is_enough(served: Served) -> None:
    """A signed callback without content acknowledges in the endpoint's name."""
    answer = await served.acknowledge((await served.delivery()).id, b"")
    assert (answer.status_code, answer.json()["by"]) == (200, "bpbd-1")


async def test_a_subscribing_department_acknowledges_too(served: Served) -> None:
    """A subscribing department can acknowledge a delivery that was never pushed."""
    delivery = (await served.delivery("bpbd-reads")).id
    assert (await served.acknowledge(delivery, signer="bpbd-reads")).status_code == 200


async def test_only_the_delivery_that_was_answered_ends(served: Served) -> None:
    """Other deliveries of the report keep their state."""
    await served.acknowledge((await served.delivery("bpbd-1")).id)
    assert (await served.delivery("bpbd-2")).state is not DeliveryState.ACKNOWLEDGED


@pytest.mark.parametrize("delivery", ["6c2b1665-f7fa-451c-ba51-b005cffd2721", "no-id-at-all", "%00"])
async def test_an_unknown_delivery_is_not_found(served: Served, delivery: str) -> None:
    """An unknown delivery is 404 if the signature is valid."""
    answer = await served.acknowledge(delivery)
    assert (answer.status_code, answer.json()["code"]) == (404, "delivery_unknown")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_another_department_is_refused(served: Served) -> None:
    """A valid signature of another department is 403 and changes nothing."""
    answer = await served.acknowledge((await served.delivery()).id, signer="pln-1")
    assert (answer.status_code, answer.json()["code"]) == (403, "other_department")
    assert (await served.delivery()).state is not DeliveryState.ACKNOWLEDGED


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_no_other_method_acknowledges(served: Served, method: str) -> None:
    """Only POST acknowledges, because mail scanners and browsers open links."""
    delivery = (await served.delivery()).id
    headers = sign([secret("bpbd-1")], str(delivery), b"", at=datetime.now(UTC))
    answer = await served.client.request(method, f"/v1/deliveries/{delivery}/ack", headers=headers)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert (await served.delivery()).state is not DeliveryState.ACKNOWLEDGED


@pytest.mark.parametrize(
    "spoil",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,a,b v2,c"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "1e400"},
        {"webhook-timestamp": str(int((datetime.now(UTC) - timedelta(minutes=6)).timestamp()))},
        {"webhook-id": str(uuid4())},
        {"webhook-id": ""},
    ],
)
async def test_a_bad_signature_is_refused(served: Served, spoil: dict[str, str]) -> None:
    """Malformed, missing, too old or made for another id: all are 401 with the same body."""
    answer = await served.acknowledge((await served.delivery()).id, headers=spoil)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_refused")
    assert (await served.delivery()).state is not DeliveryState.ACKNOWLEDGED


async def test_an_unsigned_callback_is_refused_before_anything_else(served: Served) -> None:
    """An unsigned request does not reveal whether a delivery exists."""
    for delivery in (str((await served.delivery()).id), str(uuid4())):
        answer = await served.client.post(f"/v1/deliveries/{delivery}/ack", json={"by": "Sari"})
        assert answer.status_code == 401


async def test_an_altered_body_is_refused(served: Served) -> None:
    """The signature covers the body's bytes."""
    delivery = (await served.delivery()).id
    headers = sign([secret("bpbd-1")], str(delivery), b'{"by": "Sari"}', at=datetime.now(UTC))
    path = f"/v1/deliveries/{delivery}/ack"
    answer = await served.client.post(path, content=b'{"by": "Mallory"}', headers=headers)
    assert answer.status_code == 401
    assert (await served.client.post(path, content=b"\xff", headers=headers)).status_code == 401


async def test_a_recorded_callback_is_good_for_one_delivery(served: Served) -> None:
    """A recorded callback is refused for another delivery: its message id is bound to the first one."""
    await served.inside.inbox.take_in([assigned(report(1))])
    first, second = (await served.delivery()).id, (await served.delivery(number=1)).id
    assert (await served.acknowledge(first, message_id="msg_mine")).status_code == 200
    assert (await served.acknowledge(first, message_id="msg_mine")).status_code == 200
    assert (await served.acknowledge(second, message_id="msg_mine")).status_code == 401
    assert (await served.delivery(number=1)).state is not DeliveryState.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"{", 400),
        (b"[" * 10_000, 400),
        (b"[]", 422),
        ({"by": 5}, 422),
        ({"by": ""}, 422),
        ({"by": "x" * 101}, 422),
        ({"by": "Sari", "state": "acknowledged"}, 422),
        ({"by": "Sari", "eta": "2026-11-20T10:15:00"}, 422),
        ({"by": "Sari", "eta": "later"}, 422),
        ({"note": "x" * 20_000}, 413),
    ],
)
async def test_a_body_that_does_not_do_is_a_problem(served: Served, said: Any, status: int) -> None:
    """An invalid body is a problem with code and path, without values, and changes nothing."""
    answer = await served.acknowledge((await served.delivery()).id, said)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await served.delivery()).state is not DeliveryState.ACKNOWLEDGED


async def test_our_own_push_cannot_be_sent_back_as_an_answer(served: Served) -> None:
    """A reflected push, signed with the same secret and id, does not acknowledge."""
    pushed = {"type": "report.assigned", "timestamp": "2026-11-20T03:00:00Z", "data": {}, "ack_url": "http://x"}
    answer = await served.acknowledge((await served.delivery()).id, pushed)
    assert answer.status_code == 422


async def test_control_characters_are_taken_out(served: Served) -> None:
    """Control characters are removed before they reach PostgreSQL."""
    answer = await served.acknowledge((await served.delivery()).id, {"by": "Sa\x00ri\x1b", "note": "\x00"})
    assert (answer.status_code, answer.json()["by"]) == (200, "Sari")


async def test_endpoints_are_shown_without_secrets(served: Served) -> None:
    """The list of endpoints shows no secret, path or token."""
    answer = await served.client.get("/v1/endpoints")
    assert [one["id"] for one in answer.json()["endpoints"]] == [one.id for one in KNOWN]
    assert "whsec_" not in answer.text
    assert "/push" not in answer.text


async def test_deliveries_are_shown_without_personal_data(served: Served) -> None:
    """The list of deliveries shows their states and no personal data."""
    answer = await served.client.get("/v1/deliveries", params={"report_id": str(report().report_id)})
    listed = answer.json()["deliveries"]
    assert {one["endpoint"] for one in listed} == {"bpbd-1", "bpbd-2", "bpbd-reads"}
    for canary in ("Siti", "62812", "Kebakaran", "106.63", "whsec_"):
        assert canary not in answer.text
    assert (await served.client.get("/v1/deliveries", params={"report_id": "x"})).status_code == 422
    assert (await served.client.get("/v1/deliveries")).json() == {"deliveries": []}


async def test_http_serves_while_kafka_is_down(served: Served) -> None:
    """Without Kafka the service is live and answers, but is not ready and says why."""
    assert (await served.client.get("/health/live")).status_code == 200
    ready = await served.client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"] == "ok"
    assert ready.json()["checks"]["kafka"] != "ok"
    metrics = (await served.client.get("/metrics")).text
    assert "laksa_http_requests_total" in metrics
    assert "laksa_deliveries_total" in metrics
    assert (await served.client.get("/asyncapi")).json()["asyncapi"] == "3.0.0"
    assert "/v1/deliveries/{delivery_id}/ack" in (await served.client.get("/openapi.json")).json()["paths"]


async def test_a_bad_endpoints_file_stops_the_start(tmp_path: Path) -> None:
    """An invalid endpoints file stops the start."""
    settings = settings_for(sqlite_url(tmp_path / "n.db"), tmp_path, KNOWN)
    settings.endpoints_file.write_text("endpoints: [{id: x, opd: NASA, kind: subscribe}]", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="NASA"):
        build_app(settings)
