"""A router that resumes after its session timeout only repeats events and changes nothing."""

import signal
from pathlib import Path

from shared.db.engine import sqlite_url
from shared.domain.lanes import Lane
from shared.events import topics
from shared.messaging import topic_specs
from shared.messaging.producer import EventProducer
from shared.settings import KafkaSettings
from tests.support.builders.stored_reports import ids_of, put_on_kafka, routine_reports
from tests.support.kafka.client import unread
from tests.support.ledger import assert_counted_once, assert_routed_once
from tests.support.processes.fleet import SESSION_SECONDS, Fleet, is_read_up, owned_partitions, share_partitions
from tests.support.processes.service_process import ServiceProcess
from tests.support.waiting import eventually

GROUP = "router-routine"
REPORTS = topics.reports(Lane.ROUTINE)


async def test_a_router_that_wakes_up_after_its_session_takes_nothing_back(
    kafka: KafkaSettings, producer: EventProducer, processes: Fleet, tmp_path: Path
) -> None:
    """F14: after SIGSTOP past the session timeout and SIGCONT, the commit is refused, and repeats have the same ids."""
    reports = routine_reports(12_000)
    stats = processes.stats(0, sqlite_url(tmp_path / "stats.db"))
    zombie, other = processes.router(0), processes.router(1)
    await stats.start()
    await zombie.start()
    await put_on_kafka(producer, reports[:10_000])
    _signal(zombie, signal.SIGSTOP)
    assert await unread(kafka, GROUP, REPORTS) > 0
    await other.start()
    await is_read_up(kafka, GROUP, REPORTS, 60 + SESSION_SECONDS)
    await share_partitions(REPORTS, other)
    behind: list[int] = []
    _signal(zombie, signal.SIGCONT)

    async def is_back() -> bool:
        behind.append(await unread(kafka, GROUP, REPORTS))
        return 0 < len(await owned_partitions(zombie, REPORTS)) < topic_specs.WIDE

    await eventually(is_back, 40)
    assert max(behind) == 0, f"It committed what others had gone past: {behind}"
    await share_partitions(REPORTS, zombie, other)
    await put_on_kafka(producer, reports[10_000:])
    await is_read_up(kafka, GROUP, REPORTS, 60)
    repeats = await assert_routed_once(kafka, reports)
    await assert_counted_once(stats.url, ids_of(reports), 60)
    print(f"{repeats} after it woke up")  # noqa: T201


def _signal(service: ServiceProcess, number: signal.Signals) -> None:
    assert service.process is not None
    service.process.send_signal(number)
