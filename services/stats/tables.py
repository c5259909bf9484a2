"""The tables of stats as SQLModel models: the facts, and the rows derived from them, which can be rebuilt.

The store and the queries run SQLAlchemy Core statements on the tables of these models (docs/adr/0007).
"""

from datetime import date, datetime
from typing import Annotated, ClassVar

from sqlalchemy import BigInteger, Index, SmallInteger, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

REVISION = "0001"  # the revision of migrations/ that the service needs at least

KeyText = Annotated[str, Field(sa_type=Text, primary_key=True)]
IndexedText = Annotated[str, Field(sa_type=Text, index=True)]
RequiredText = Annotated[str, Field(sa_type=Text)]
OptionalText = Annotated[str | None, Field(sa_type=Text)]
BigCount = Annotated[int, Field(sa_type=BigInteger)]


class StatsTable(SQLModel, registry=registry()):
    """Base class of all tables of stats. Its metadata has no table of another service."""


class StoredFact(StatsTable, table=True):
    """One fact of Kafka, without personal data."""

    __tablename__ = "facts"

    event_id: KeyText
    report_id: IndexedText
    kind: RequiredText
    body: RequiredText


class StoredReport(StatsTable, table=True):
    """One report with at least one fact; ``registered`` is false until its ``registered`` fact is known."""

    __tablename__ = "reports"
    __table_args__: ClassVar[tuple[Index, ...]] = (
        Index("reports_latest", "registered", "received_at", "report_id"),
        Index("reports_by_status", "lane", "status", "received_at"),
        Index("reports_undecided", "outcome", "lane", "received_at"),
    )

    report_id: KeyText
    registered: bool = False
    counts: bool = False
    ticket: OptionalText = None
    channel: OptionalText = None
    lane: OptionalText = None
    mode: OptionalText = None
    category: OptionalText = None
    rollup: OptionalText = None
    kecamatan: OptionalText = None
    call_type: OptionalText = None
    day: date | None = None
    opd: OptionalText = None
    outcome: OptionalText = None
    status: OptionalText = None
    occurred_at: datetime | None = None
    received_at: datetime | None = None
    decided_at: datetime | None = None


class StoredDelivery(StatsTable, table=True):
    """The delivery of a report to one endpoint."""

    __tablename__ = "deliveries"
    __table_args__: ClassVar[tuple[Index, ...]] = (Index("deliveries_by_state", "state", "opd"),)

    delivery_id: KeyText
    report_id: IndexedText
    opd: RequiredText
    role: RequiredText
    endpoint: RequiredText
    state: RequiredText
    attempts: int
    level: int
    last_at: datetime


class CubeCell(StatsTable, table=True):
    """The number of counted reports with the same values of all dimensions of the cube."""

    __tablename__ = "cube"

    day: date = Field(primary_key=True)
    channel: KeyText
    category: KeyText
    rollup: KeyText
    opd: KeyText
    kecamatan: KeyText
    call_type: KeyText
    status: KeyText
    count: BigCount


class StoredAccountLine(StatsTable, table=True):
    """The number of counted reports by values that the cube does not have: the lane, the mode and the first decision.

    Conservation and the board's figures are sums over this table; its size does not grow with the number of reports.
    """

    __tablename__ = "accounts"

    lane: KeyText
    mode: KeyText
    opd: KeyText
    outcome: KeyText
    status: KeyText
    count: BigCount


class DataRevision(StatsTable, table=True):
    """A single row whose number grows with each change, so that every replica can detect changes."""

    __tablename__ = "revision"

    id: int = Field(primary_key=True, sa_type=SmallInteger)
    number: BigCount


metadata = StatsTable.metadata

facts = metadata.tables["facts"]
reports = metadata.tables["reports"]
deliveries = metadata.tables["deliveries"]
cube = metadata.tables["cube"]
accounts = metadata.tables["accounts"]
revision = metadata.tables["revision"]

DERIVED = (reports, deliveries, cube, accounts)
