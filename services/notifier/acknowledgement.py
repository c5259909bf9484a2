"""Acknowledgement of a delivery by a department's signed callback."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from services.notifier.clock import Now
from services.notifier.deliveries import Acknowledgement, Delivery, acknowledged_fact
from services.notifier.endpoints import Endpoint, Endpoints
from services.notifier.metrics import NotifierMetrics
from services.notifier.signing import SignatureRefused, verify
from services.notifier.store import Store
from services.notifier.transaction import by_id
from shared.domain.texts import strip_controls
from shared.errors import LaksaError
from shared.observability.logs import logger

log = logger(__name__)


class DeliveryUnknown(LaksaError):  # noqa: N818  # named after what is the case
    """No delivery of this lane has this id."""


class OtherDepartment(LaksaError):  # noqa: N818  # as above
    """The signature is valid, but belongs to another department than the delivery."""


class OtherMediaType(LaksaError):  # noqa: N818  # as above
    """The Content-Type header says that the body is not JSON."""


class AcknowledgementRequest(BaseModel):
    """The body of a callback: who took the report (default: the endpoint's id), a note, and the time of arrival."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    by: str | None = Field(default=None, min_length=1, max_length=100)
    note: str | None = Field(default=None, max_length=1000)
    eta: AwareDatetime | None = None

    @field_validator("by", "note")
    @classmethod
    def _clean(cls, text: str | None) -> str | None:
        return text if text is None else strip_controls(text)[0]


@dataclass(frozen=True, slots=True)
class Acknowledging:
    """Accepts callbacks: authenticated, bound to delivery and department, idempotent (N11)."""

    store: Store
    endpoints: Endpoints
    metrics: NotifierMetrics
    now: Now

    async def acknowledge(self, delivery_id: UUID | None, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Record an acknowledgement and stop the pushes; a repeat changes nothing and gets the same answer.

        Raises:
            SignatureRefused: no endpoint's secret made the signature, or it was made for another delivery.
            DeliveryUnknown, OtherDepartment, OtherMediaType: see there.
            ValidationError: the body is not an `AcknowledgementRequest`.
            DatabaseUnavailable: nothing was recorded.
        """
        signers = self._signers(headers, body)
        delivery = await self.store.find(delivery_id) if delivery_id else None
        if delivery is None:
            raise DeliveryUnknown("No delivery has this id")
        signer = next((signer for signer in signers if signer.id == delivery.endpoint_id), None) or next(
            (signer for signer in signers if signer.opd == delivery.endpoint_opd), None
        )
        if signer is None:
            raise OtherDepartment("This delivery belongs to another department")
        if body and not _may_be_json(headers):
            raise OtherMediaType("Send Content-Type: application/json in UTF-8, uncompressed, or leave it out")
        said = AcknowledgementRequest.model_validate_json(body or b"{}")
        return await self._note(delivery, signer, _message_id(headers), said)

    async def _note(
        self, delivery: Delivery, signer: Endpoint, message_id: str, said: AcknowledgementRequest
    ) -> Delivery:
        answer = Acknowledgement(said.by or signer.id, "callback", self.now())
        eta = said.eta.timestamp() if said.eta else None
        async with self.store.transaction() as transaction:
            # the path is not signed: a message id used for one delivery is refused for any other
            if message_id != str(delivery.id) and not await transaction.bind_callback(
                signer.id, message_id, delivery.id
            ):
                raise SignatureRefused("This callback was used for another delivery")
            ended = await transaction.acknowledge(by_id(delivery.id), answer, note=said.note, eta=eta)
            await transaction.publish([acknowledged_fact(acknowledged, answer) for acknowledged in ended])
        for acknowledged in ended:
            self.metrics.observe_acknowledgement(acknowledged.lane, seconds=answer.at - acknowledged.received_at)
            log.info(
                "A delivery was acknowledged",
                delivery_id=str(acknowledged.id),
                report_id=str(acknowledged.report_id),
                endpoint=acknowledged.endpoint_id,
            )
        return ended[0] if ended else await self._as_it_stands(delivery)

    async def _as_it_stands(self, delivery: Delivery) -> Delivery:
        return await self.store.find(delivery.id) or delivery

    def _signers(self, headers: Mapping[str, str], body: bytes) -> list[Endpoint]:
        found = [one for one in self.endpoints.by_id.values() if one.secrets and _has_signed(one, headers, body)]
        if not found:
            raise SignatureRefused("The signature matches no endpoint's secret")
        return found


def _has_signed(endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        verify(endpoint.secrets, headers, body)
    except SignatureRefused:
        return False
    return True


def _may_be_json(headers: Mapping[str, str]) -> bool:
    """Whether the headers allow JSON: many simple clients send no Content-Type."""
    named = {name.lower(): value.strip().lower() for name, value in headers.items()}
    media_type, _, charset = named.get("content-type", "").partition(";")
    is_json = media_type.strip() in {"", "application/json"}
    is_utf8 = charset.strip().replace('"', "") in {"", "charset=utf-8"}
    return is_json and is_utf8 and named.get("content-encoding", "identity") in {"", "identity"}


def _message_id(headers: Mapping[str, str]) -> str:
    return next(value for name, value in headers.items() if name.lower() == "webhook-id")
