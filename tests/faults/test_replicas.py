"""Two processes of each service share the work, and one that dies loses nothing to the other."""

import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from services.notifier.endpoints import Endpoint
from shared.db.engine import sqlite_url
from shared.domain.lanes import Lane
from shared.events.catalogue import DELIVERED
from shared.events.envelope import text_headers
from shared.events.models import ReportSubmitted
from shared.events.outgoing import OutgoingRecord
from shared.messaging import topics
from shared.messaging.producer import EventProducer
from shared.settings import KafkaSettings
from tests.support.fleet import Fleet, is_read_up, owned_partitions, share_partitions
from tests.support.kafka import read_all
from tests.support.ledger import assert_counted_once, assert_once_each, assert_routed_once, ids_by_report
from tests.support.notifying import assigned_record, endpoint
from tests.support.receivers import Push, Receiver, hang, receiver
from tests.support.service_process import ServiceProcess
from tests.support.stored_reports import intake_records, put_on_kafka, routine_reports, targets_of
from tests.support.waiting import eventually

SEED = 20_240_731
REPORTS = topics.reports(Lane.ROUTINE)
SLOTS = 4  # pushes of the routine lane to one endpoint that a process has in hand at once


async def test_two_routers_share_the_partitions_and_both_work(
    kafka: KafkaSettings, producer: EventProducer, processes: Fleet, tmp_path: Path
) -> None:
    """Each owns some of the 12 and decides some reports; a killed one's partitions and reports are the other's."""
    reports = routine_reports(8_000)
    first, second = processes.router(0), processes.router(1)
    stats = processes.stats(0, sqlite_url(tmp_path / "stats.db"))
    for process in (stats, first, second):
        await process.start()
    await share_partitions(REPORTS, first, second)
    await put_on_kafka(producer, reports[:4_000])
    await is_read_up(kafka, "router-routine", REPORTS, 60)
    for router in (first, second):
        assert "laksa_reports_decided_total" in await router.metrics()
    await put_on_kafka(producer, reports[4_000:])
    await second.end(signal.SIGKILL)
    await is_read_up(kafka, "router-routine", REPORTS, 60)
    await share_partitions(REPORTS, first)
    assert 'laksa_undecided_oldest_seconds{lane="routine"} 0.0' in await first.metrics()
    await assert_routed_once(kafka, reports)
    await assert_counted_once(stats.url, reports, 60)
