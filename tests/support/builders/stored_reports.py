"""Any number of reports as intake writes them to Kafka, and the expected targets of each."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from shared.domain.identity import event_id
from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.events.catalogue import REGISTERED
from shared.events.envelope import Attributes
from shared.events.models import ReportRegistered, ReportSubmitted
from shared.events.outgoing import OutgoingRecord, record_of
from shared.messaging.producer import EventProducer
from tests.support.builders.records import submitted, submitted_headers, submitted_outgoing

# The last category has two targets: an owner and an informed department.
CATEGORIES = ("INF-PJU", "ENV-SAMPAH", "INF-JALAN", "SOC-BANTUAN", "DIS-POHON")
SENT_AT_ONCE = 5_000


def routine_reports(count: int, *, first: int = 0, categories: Sequence[str] = CATEGORIES) -> list[ReportSubmitted]:
    """Different reports of several departments, received now; equal numbers give equal reports."""
    now = datetime.now(UTC)
    return [
        submitted(number, category=categories[number % len(categories)], received_at=now)
        for number in range(first, first + count)
    ]


def ids_of(reports: Iterable[ReportSubmitted]) -> set[str]:
    """Their ids as text, as in keys and responses."""
    return {str(report.report_id) for report in reports}


def targets_of(report: ReportSubmitted) -> set[str]:
    """The departments that must receive the report according to the taxonomy."""
    category = default_taxonomy().categories[report.category or ""]
    return {category.opd, *category.also}


def intake_records(report: ReportSubmitted) -> list[OutgoingRecord]:
    """The two records that intake publishes for a report: the report, and its ``registered`` fact."""
    outgoing = submitted_outgoing(report)
    submitted_id = UUID(dict(submitted_headers(report))["ce_id"].decode())
    attributes = Attributes(
        id=str(event_id(submitted_id, "report.registered")),
        type=REGISTERED,
        source="/laksa/intake",
        subject=str(report.report_id),
        time=report.received_at,
        extensions={"lane": report.lane, "mode": report.mode},
        correlation_id=str(report.report_id),
    )
    registered = ReportRegistered(
        report_id=report.report_id,
        ticket=report.ticket,
        channel=report.channel,
        lane=report.lane,
        mode=report.mode,
        category=report.category,
        occurred_at=report.occurred_at or report.received_at,
        received_at=report.received_at,
    )
    return [outgoing, record_of(topics.LIFECYCLE, attributes, registered)]


async def put_on_kafka(producer: EventProducer, reports: Sequence[ReportSubmitted]) -> None:
    """Publish reports as intake does."""
    records = (record for report in reports for record in intake_records(report))
    for some in _in_turns(records):
        await producer.send_all(some)


def _in_turns(records: Iterable[OutgoingRecord]) -> Iterator[list[OutgoingRecord]]:
    rest = iter(records)
    while some := list(islice(rest, SENT_AT_ONCE)):
        yield some
