"""The notifier's HTTP API: departments acknowledge deliveries, operators read them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, ValidationError

from services.notifier.acknowledgement import (
    AcknowledgementRequest,
    Acknowledging,
    DeliveryUnknown,
    OtherDepartment,
    OtherMediaType,
)
from services.notifier.deliveries import Delivery
from services.notifier.endpoints import Endpoint, Endpoints
from services.notifier.signing import SignatureRefused
from services.notifier.store import Store
from shared.domain.delivery import DeliveryState
from shared.domain.lanes import Lane
from shared.http.bodies import read_body
from shared.http.problems import Problem, documented_problems

MAX_BODY_BYTES = 16 * 1024
BODY_SECONDS = 5.0  # a callback is one small packet

Moment = datetime | None


class View(BaseModel):
    """Base of all response bodies; times are UTC."""

    model_config = ConfigDict(frozen=True)


class AcknowledgementView(View):
    """The state of a delivery after a callback."""

    delivery_id: UUID
    state: DeliveryState
    acknowledged_at: Moment
    by: str | None


class EndpointView(View):
    """An endpoint, without its secrets and without the path and query of its address, which may hold a token."""

    id: str
    opd: str
    kind: Literal["webhook", "subscribe"]
    exercise: bool
    host: str | None


class DeliveryView(View):
    """A delivery, without any data of the reporter."""

    delivery_id: UUID
    report_id: UUID
    opd: str
    lane: Lane
    mode: str
    role: str
    endpoint: str
    endpoint_kind: str
    state: DeliveryState
    attempts: int
    level: int
    due_at: Moment
    created_at: datetime
    received_at: datetime
    acknowledge_by: Moment
    acknowledged_at: Moment
    acknowledged_by: str | None
    acknowledged_via: str | None


class EndpointList(View):
    """All endpoints of the endpoints file."""

    endpoints: list[EndpointView]


class DeliveryList(View):
    """Deliveries, at most 500."""

    deliveries: list[DeliveryView]


_ACK_DOCUMENT: dict[str, Any] = {
    "requestBody": {
        "description": "Optional: an empty body acknowledges too. The signature covers the body's bytes.",
        "content": {"application/json": {"schema": AcknowledgementRequest.model_json_schema()}},
    }
}
_Signed = Annotated[str | None, Header(description="As Standard Webhooks has it; over the body, with your secret")]


def notifier_api(lane: Lane, acknowledging: Acknowledging, endpoints: Endpoints, store: Store) -> APIRouter:
    """The routes of one lane's notifier."""
    api = APIRouter(prefix="/v1")

    @api.post(
        "/deliveries/{delivery_id}/ack",
        summary="Acknowledge a report",
        openapi_extra=_ACK_DOCUMENT,
        responses=documented_problems(400, 401, 403, 404, 408, 413, 415, 422, 503),
    )
    async def acknowledge(  # these headers are listed for OpenAPI; the signature is checked on the raw request
        delivery_id: str,
        request: Request,
        webhook_id: _Signed = None,  # noqa: ARG001
        webhook_timestamp: _Signed = None,  # noqa: ARG001
        webhook_signature: _Signed = None,  # noqa: ARG001
    ) -> AcknowledgementView:
        """Say that your department has the report: the pushes stop. Said again, it answers the same.

        Use the delivery's id as ``webhook-id``, or an id of your own that is new for each delivery.
        """
        body = await read_body(request, most_bytes=MAX_BODY_BYTES, seconds=BODY_SECONDS)
        delivery = await _acknowledged(acknowledging, _uuid(delivery_id), request, body)
        return AcknowledgementView(
            delivery_id=delivery.id,
            state=delivery.state,
            acknowledged_at=_moment(delivery.acknowledged_at),
            by=delivery.acknowledged_by,
        )

    @api.get("/endpoints", summary="The departments' endpoints")
    async def list_endpoints() -> EndpointList:
        """The entries of the endpoints file, without their secrets."""
        return EndpointList(endpoints=[_endpoint_view(endpoint) for endpoint in endpoints.by_id.values()])

    @api.get("/deliveries", summary="Deliveries of a report, or in a state", responses=documented_problems(422, 503))
    async def list_deliveries(
        report_id: Annotated[UUID | None, Query(description="All deliveries of this report")] = None,
        state: Annotated[DeliveryState | None, Query(description="The lane's deliveries in this state")] = None,
    ) -> DeliveryList:
        """Where a report's deliveries stand; or, without a report, the lane's deliveries in a state (exhausted)."""
        if report_id is not None:
            deliveries: Sequence[Delivery] = await store.of_report(report_id)
            deliveries = [delivery for delivery in deliveries if state in (None, delivery.state)]
        else:
            deliveries = await store.in_state(lane, state or DeliveryState.EXHAUSTED)
        return DeliveryList(deliveries=[_delivery_view(delivery) for delivery in deliveries])

    return api


async def _acknowledged(
    acknowledging: Acknowledging, delivery_id: UUID | None, request: Request, body: bytes
) -> Delivery:
    try:
        return await acknowledging.acknowledge(delivery_id, dict(request.headers), body)
    except SignatureRefused as error:
        raise Problem(
            401, "signature_refused", "The signature is missing or wrong", "Sign the body as Standard Webhooks says."
        ) from error
    except DeliveryUnknown as error:
        raise Problem(404, "delivery_unknown", "There is no such delivery", str(error)) from error
    except OtherDepartment as error:
        raise Problem(403, "other_department", "This is another department's delivery", str(error)) from error
    except OtherMediaType as error:
        raise Problem(415, "unsupported_media_type", "Not JSON", str(error)) from error
    except ValidationError as error:
        faults = [(".".join(map(str, fault["loc"])), fault["type"]) for fault in error.errors()]
        if any(code == "json_invalid" for _, code in faults):
            raise Problem(400, "malformed", "The body is not JSON", "Send one JSON object, or nothing.") from None
        raise Problem(
            422, "invalid", "Invalid fields", "Correct the fields listed under errors.", errors=faults
        ) from None


def _endpoint_view(endpoint: Endpoint) -> EndpointView:
    host = endpoint.url.split("/")[2] if endpoint.url else None
    return EndpointView(id=endpoint.id, opd=endpoint.opd, kind=endpoint.kind, exercise=endpoint.exercise, host=host)


def _delivery_view(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        delivery_id=delivery.id,
        report_id=delivery.report_id,
        opd=delivery.opd,
        lane=delivery.lane,
        mode=delivery.mode,
        role=delivery.role,
        endpoint=delivery.endpoint_id,
        endpoint_kind=delivery.endpoint_kind,
        state=delivery.state,
        attempts=delivery.attempt,
        level=delivery.level,
        due_at=_moment(delivery.due_at),
        created_at=datetime.fromtimestamp(delivery.created_at, UTC),
        received_at=datetime.fromtimestamp(delivery.received_at, UTC),
        acknowledge_by=_moment(delivery.acknowledge_by),
        acknowledged_at=_moment(delivery.acknowledged_at),
        acknowledged_by=delivery.acknowledged_by,
        acknowledged_via=delivery.acknowledged_via,
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None  # text that is no UUID matches no delivery
