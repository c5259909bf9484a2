"""The notifier's tables. Times are seconds since 1970 UTC, so that SQLite and PostgreSQL compare them alike."""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)

from shared.db.outbox import outbox_table

REVISION = "0001"  # the oldest revision of migrations/ that the service works with

metadata = MetaData()

# One row per event of a department's topic. Recipients and policy stay as they were when the row was created.
inbox = Table(
    "inbox",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("report_id", Uuid, nullable=False),
    Column("opd", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("category", Text),
    Column("happened_at", Double, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("taken_at", Double, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("policy", Text, nullable=False),
    Column("endpoints", Text, nullable=False),
)

# One row per (event, endpoint). ``due_at`` is the time of the next action: the next try or, during a try, the end of
# its lease, so that the delivery of a dead worker becomes due again; null if no push is due.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_id", Text, ForeignKey("inbox.event_id"), nullable=False),
    Column("report_id", Uuid, nullable=False),
    Column("opd", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("category", Text),
    Column("level", Integer, nullable=False),
    Column("endpoint_id", Text, nullable=False),
    Column("endpoint_opd", Text, nullable=False),
    Column("endpoint_kind", Text, nullable=False),
    Column("url", Text),
    Column("state", Text, nullable=False),
    Column("fresh", Boolean, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("due_at", Double),
    Column("lease_token", Text),
    Column("lease_until", Double),
    Column("created_at", Double, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("acknowledge_by", Double),
    Column("traceparent", Text, nullable=False),
    Column("acknowledged_at", Double),
    Column("acknowledged_by", Text),
    Column("acknowledged_via", Text),
    Column("note", Text),
    Column("eta", Double),
    Index("deliveries_due_at", "due_at"),
    Index("deliveries_due", "endpoint_id", "fresh", "due_at"),
    Index("deliveries_of_report", "report_id", "opd"),
    Index("deliveries_by_state", "state", "received_at"),
)

# One row per try; ``outcome`` is null while it runs and ``interrupted`` if its worker died.
attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", Uuid, ForeignKey("deliveries.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("outcome", Text),
    Column("status_code", Integer),
    Column("latency_ms", Double),
    PrimaryKeyConstraint("delivery_id", "attempt"),
)

# One row per (report, department); ``status`` is null until the department has answered. An assignment and an answer
# both write this row first, so on PostgreSQL one waits for the other.
answers = Table(
    "answers",
    metadata,
    Column("report_id", Uuid, nullable=False),
    Column("opd", Text, nullable=False),
    Column("status", Text),
    Column("answered_by", Text),
    Column("answered_at", Double),
    PrimaryKeyConstraint("report_id", "opd"),
)

# Message ids of signed callbacks: a recorded callback cannot be replayed for another delivery.
callbacks = Table(
    "callbacks",
    metadata,
    Column("endpoint_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("delivery_id", Uuid, nullable=False),
    PrimaryKeyConstraint("endpoint_id", "message_id"),
)

outbox = outbox_table(metadata)
