"""The tables of stats: the facts, and what is derived from them and can be made again at any time."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
)

REVISION = "0001"  # of migrations/, that the service needs at least

metadata = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """An aware moment, always in UTC; SQLite would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # the base class's signature
        """Into the database: in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # the base class's signature
        """Out of the database: aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


facts = Table(
    "facts",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("report_id", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
)

# One row per report of which anything is known; `registered` is false until intake's own fact is here.
reports = Table(
    "reports",
    metadata,
    Column("report_id", Text, primary_key=True),
    Column("registered", Boolean, nullable=False, default=False),
    Column("counts", Boolean, nullable=False, default=False),
    Column("ticket", Text),
    Column("channel", Text),
    Column("lane", Text),
    Column("mode", Text),
    Column("category", Text),
    Column("rollup", Text),
    Column("kecamatan", Text),
    Column("call_type", Text),
    Column("day", Date),
    Column("opd", Text),
    Column("outcome", Text),
    Column("status", Text),
    Column("occurred_at", UtcTime),
    Column("received_at", UtcTime),
    Column("decided_at", UtcTime),
    Index("reports_latest", "registered", "received_at", "report_id"),
    Index("reports_by_status", "lane", "status", "received_at"),
    Index("reports_undecided", "outcome", "lane", "received_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("report_id", Text, nullable=False, index=True),
    Column("opd", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Index("deliveries_by_state", "state", "opd"),
)

cube = Table(
    "cube",
    metadata,
    Column("day", Date, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("rollup", Text, primary_key=True),
    Column("opd", Text, primary_key=True),
    Column("kecamatan", Text, primary_key=True),
    Column("call_type", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

# What the cube's dimensions leave out: the lane, the mode and the first decision. Conservation and the board's
# figures are sums over it, and it stays small however many reports there are.
accounts = Table(
    "accounts",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("mode", Text, primary_key=True),
    Column("opd", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

# A single row that grows by one with each change, so that viewers of any replica see that there is something new.
revision = Table(
    "revision",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

DERIVED = (reports, deliveries, cube, accounts)
