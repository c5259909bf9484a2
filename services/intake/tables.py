"""The schema of a spool file. Both lanes have the same."""

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text

from shared.db.outbox import outbox_table

metadata = MetaData()

outbox = outbox_table(metadata)

# What a request was called by its channel (hashed), which body it had, and what it was answered.
requests = Table(
    "requests",
    metadata,
    Column("name", LargeBinary, primary_key=True),
    Column("body_digest", LargeBinary, primary_key=True),
    Column("answer", LargeBinary, nullable=False),
    Column("accepted_at", Float, nullable=False),
    Index("requests_by_age", "accepted_at"),
)

# Which reports this lane has accepted; nothing of their content.
reports = Table(
    "reports",
    metadata,
    Column("report_id", Text, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("accepted_at", Float, nullable=False),
)

# Every accepted step of a report's course at a department; the one with the highest seq says where it stands.
# Older ones stay, because a repeat of one must be told from a stale answer.
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
