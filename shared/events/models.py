"""The bodies of the events: immutable, and tolerant of newer producers.

Unknown fields are ignored and codes are plain text, so a newer producer never breaks an older consumer.

All times are aware; writers use UTC. No body holds an event id: dedup is by the ``ce_id`` header.
"""

from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.domain.roles import OWNER


class Event(BaseModel):
    """Base class of all event bodies."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Place(Event):
    """A place. Latitude and longitude in degrees (WGS 84); ``kecamatan`` is a code of the taxonomy."""

    latitude: float | None = Field(default=None, ge=-90, le=90, allow_inf_nan=False)
    longitude: float | None = Field(default=None, ge=-180, le=180, allow_inf_nan=False)
    kecamatan: str | None = None
    kelurahan: str | None = None
    landmark: str | None = None


class Reporter(Event):
    """The reporter, as given. Personal data: only on ``reports.*`` and ``opd.*``, where it is kept for 7 days."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None


class Call(Event):
    """Fields of a 112 call. ``call_type``: normal, information, prank, ghost or dropped."""

    call_type: str
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    operator: str | None = None


class ReportSubmitted(Event):
    """``report.submitted.v1`` on ``reports.<lane>.v1``, and as ``report.assigned.v1`` on ``opd.<opd>.<lane>.v1``."""

    report_id: UUID
    ticket: str
    channel: str
    lane: str
    mode: str = "live"
    category: str | None = None
    text: str | None = None
    place: Place | None = None
    reporter: Reporter | None = None
    call: Call | None = None
    source_reference: str | None = None
    occurred_at: AwareDatetime | None = None
    received_at: AwareDatetime
    flags: tuple[str, ...] = ()


class ReportRegistered(Event):
    """``report.registered.v1`` on ``lifecycle.v1``: the dimensions for counting, without personal data."""

    report_id: UUID
    ticket: str
    channel: str
    lane: str
    mode: str = "live"
    category: str | None = None
    kecamatan: str | None = None
    call_type: str | None = None
    occurred_at: AwareDatetime
    received_at: AwareDatetime
    flags: tuple[str, ...] = ()


class Target(Event):
    """A department that receives a report; ``role`` is ``owner`` (has the clock and the status) or ``informed``."""

    opd: str
    role: str


class DecisionInputs(Event):
    """All inputs of the decision, so that it can be repeated."""

    channel: str
    category: str | None = None
    call_type: str | None = None
    mode: str = "live"
    location_suspect: bool = False
    received_at: AwareDatetime


class ReportDecided(Event):
    """``report.routed.v1``, ``report.triaged.v1``, ``report.ended.v1`` or ``report.rejected.v1`` on ``lifecycle.v1``.

    Exactly one per report and decision: which rule of which table version gave which targets, and why.
    """

    report_id: UUID
    lane: str
    mode: str = "live"
    outcome: str
    targets: tuple[Target, ...] = ()
    rule: str
    table_version: str
    inputs: DecisionInputs
    why: str
    decided_at: AwareDatetime

    @property
    def owner(self) -> str | None:
        """The OPD that owns the report, or None if the report ended at the router."""
        return next((target.opd for target in self.targets if target.role == OWNER), None)


class ReportStatusChanged(Event):
    """``report.status_changed.v1`` on ``reports.updates.v1``, and without the note on ``lifecycle.v1``.

    ``seq`` is the department's own counter for the report: it orders the changes of one department.
    """

    report_id: UUID
    opd: str
    lane: str
    from_status: str
    to_status: str
    by: str
    at: AwareDatetime
    recorded_at: AwareDatetime
    seq: int
    note: str | None = None


class DeliveryChanged(Event):
    """``delivery.{delivered,failed,acknowledged,escalated,exhausted}.v1`` on ``lifecycle.v1``.

    ``delivery_id`` is the ``webhook-id`` of every try. ``attempt`` counts from 1; ``latency_ms`` is the try's whole
    exchange; ``since_received_ms`` is the time from ``received_at`` until this fact.
    """

    delivery_id: UUID
    report_id: UUID
    opd: str
    lane: str
    mode: str = "live"
    role: str
    endpoint: str
    endpoint_kind: str
    state: str
    attempt: int = 0
    level: int = 1
    status_code: int | None = None
    error_code: str | None = None
    latency_ms: float | None = None
    since_received_ms: float | None = None
    acknowledged_by: str | None = None
    acknowledged_via: str | None = None
    at: AwareDatetime


class DepartmentAnswer(Event):
    """A department's answer on ``departments.<opd>.v1``: a plain JSON body; CloudEvents headers are optional."""

    report_id: UUID
    status: str
    by: str
    at: AwareDatetime
    seq: int = Field(ge=0)
    note: str | None = None


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with a trailing Z."""
    return moment.isoformat().replace("+00:00", "Z")
