"""The response bodies of the API. None of them contains the reporter, the text, or the exact place."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(frozen=True)


class CountRow(Answer):
    """The number of reports with one value of a dimension."""

    key: str
    label: str = Field(description="In Bahasa Indonesia")
    count: int


class Calls112(Answer):
    """The 112 report: normal calls by agd, animals, fallen_trees, fire and other."""

    total: int
    rows: list[CountRow]


class Counts(Answer):
    """Counted reports by one dimension."""

    group_by: str
    total: int
    rows: list[CountRow]


class LaneAccounts(Answer):
    """Accepted reports of one lane and their first decisions; ``difference`` is the number without a decision."""

    accepted: int
    routed: int
    triaged: int
    ended: int
    rejected: int
    difference: int


class Accounts(Answer):
    """The accounts of both lanes."""

    emergency: LaneAccounts
    routine: LaneAccounts


class ReportSummary(Answer):
    """A report in a list. ``owner`` is null before the decision, and if the report ended at the router."""

    report_id: str
    ticket: str
    channel: str
    lane: str
    mode: str
    category: str = Field(description="A code of the taxonomy, NONE or UNKNOWN")
    category_label: str
    kecamatan: str = Field(description="A code, or NONE if not given")
    call_type: str = Field(description="normal, information, prank, ghost or dropped; NONE if the report is not a call")
    status: str = Field(description="A status of the case workflow, or `ended` for a call that ended at the router")
    status_label: str
    public_status: str
    owner: str | None
    occurred_at: datetime
    received_at: datetime


class ReportPage(Answer):
    """Reports, the last received first; ``next`` is the ``cursor`` of the following page."""

    reports: list[ReportSummary]
    next: str | None


class DeliveryStanding(Answer):
    """The delivery of the report to one endpoint."""

    delivery_id: str
    endpoint: str
    endpoint_kind: str
    state: str
    state_label: str
    attempts: int
    level: int = Field(description="1 call centre, 2 duty officer, 3 Live Room supervisor, 4 command room")
    last_at: datetime
    acknowledged_by: str | None
    acknowledged_via: str | None


class TargetStanding(Answer):
    """One department that has the report, its status there, and its deliveries."""

    opd: str
    name: str
    role: str = Field(description="owner (sets the clock and the status) or informed")
    status: str
    deliveries: list[DeliveryStanding]


class HistoryEntry(Answer):
    """One event of the history. Fields that do not apply are null."""

    at: datetime
    what: str = Field(description="registered, routed, triaged, ended, rejected, status_changed, delivered, failed, …")
    by: str
    opd: str | None = None
    from_status: str | None = None
    to_status: str | None = None
    endpoint: str | None = None
    attempt: int | None = None
    level: int | None = None


class ReportDetail(ReportSummary):
    """Everything that may be shown of a report: its departments, the reason, and its history, oldest first."""

    outcome: Literal["routed", "triaged", "ended", "rejected"] | None
    why: str | None
    rule: str | None
    table_version: str | None
    decided_at: datetime | None
    targets: list[TargetStanding]
    history: list[HistoryEntry]
