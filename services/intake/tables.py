"""The schema of a spool file, the same for both lanes."""

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text

from shared.db.outbox import outbox_table

metadata = MetaData()

outbox = outbox_table(metadata)

# The name of a request (hashed), the digest of its body, and its answer.
requests = Table(
    "requests",
    metadata,
    Column("name", LargeBinary, primary_key=True),
    Column("body_digest", LargeBinary, primary_key=True),
    Column("answer", LargeBinary, nullable=False),
    Column("accepted_at", Float, nullable=False),
    Index("requests_by_age", "accepted_at"),
)

# The ids of the reports that this lane has accepted, without content.
reports = Table(
    "reports",
    metadata,
    Column("report_id", Text, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("accepted_at", Float, nullable=False),
)

# Every accepted transition of a report at a department; the one with the highest seq gives the present status. Older
# ones are kept to tell a repeated answer from a stale one.
cases = Table(
    "cases",
    metadata,
    Column("report_id", Text, primary_key=True),
    Column("opd", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("from_status", Text, nullable=False),
    Column("to_status", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("recorded_at", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
