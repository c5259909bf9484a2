"""Two processes of each service share the work, and the survivor takes over the work of a killed one."""

import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from services.notifier.endpoints import Endpoint
from shared.db.engine import sqlite_url
from shared.domain.lanes import Lane
from shared.events import topics
from shared.events.catalogue import DELIVERED
from shared.events.envelope import headers_of, text_headers
from shared.events.models import ReportSubmitted
from shared.events.outgoing import OutgoingRecord
from shared.messaging.producer import EventProducer
from shared.settings import KafkaSettings
from tests.support.builders import lifecycle
from tests.support.builders.assignments import assigned_record
from tests.support.builders.endpoints import endpoint
from tests.support.builders.stored_reports import ids_of, put_on_kafka, routine_reports, targets_of
from tests.support.kafka.client import read_all
from tests.support.ledger import assert_counted_once, assert_routed_once
from tests.support.processes.fleet import Fleet, is_read_up, share_partitions
from tests.support.processes.service_process import ServiceProcess
from tests.support.receivers import Push, Receiver, hang, receiver
from tests.support.waiting import eventually

SEED = 20_240_731
REPORTS = topics.reports(Lane.ROUTINE)
STATS_REPORTS = 3_000
SLOTS = 4  # concurrent routine pushes of one process to one endpoint


async def test_two_routers_share_the_partitions_and_both_work(
    kafka: KafkaSettings, producer: EventProducer, processes: Fleet, tmp_path: Path
) -> None:
    """Each router owns some of the 12 partitions and decides reports; the other takes over from a killed one."""
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
    await assert_counted_once(stats.url, ids_of(reports), 60)


async def test_two_notifiers_push_each_delivery_once(
    kafka: KafkaSettings, producer: EventProducer, processes: Fleet, postgres: str
) -> None:
    """Without faults, two processes on one PostgreSQL push each webhook-id once, and both push."""
    reports = routine_reports(400)
    async with receiver() as department:
        notifiers = await _two_notifiers(processes, postgres, _endpoints(reports, department))
        await producer.send_all(_assigned(reports))
        wanted = len(_assigned(reports))
        await department.wait_for_pushes(wanted, 90.0)
        await eventually(lambda: _delivered(kafka, wanted), 30.0)
        pushed = Counter(push.id for push in department.pushes)
        doubled = [name for name, count in pushed.items() if count > 1]
        assert doubled == [], f"pushed more than once: {doubled}"
        assert len(pushed) == wanted
        assert {_pusher(push) for push in department.pushes} == {notifier.url for notifier in notifiers}
        for notifier in notifiers:
            assert 'outcome="stale"' not in await notifier.metrics()
        assert {push.json["data"]["report_id"] for push in department.pushes} == ids_of(reports)


async def test_the_other_notifier_takes_over_what_a_killed_one_held(
    kafka: KafkaSettings, producer: EventProducer, processes: Fleet, postgres: str
) -> None:
    """After SIGKILL of one during its pushes, the other repeats them with the same webhook-ids (F18, F19)."""
    reports = routine_reports(4 * SLOTS, categories=["INF-PJU"])
    async with receiver(None, *[hang] * 2 * SLOTS) as department:
        killed, other = await _two_notifiers(processes, postgres, _endpoints(reports, department))
        await producer.send_all(_assigned(reports))

        def in_hand(notifier: ServiceProcess) -> set[str]:
            return {push.id for push in department.pushes if _pusher(push) == notifier.url}

        await eventually(lambda: len(in_hand(killed)) == len(in_hand(other)) == SLOTS, 30.0)
        held = in_hand(killed)
        await killed.end(signal.SIGKILL)
        await eventually(lambda: held <= in_hand(other), 60.0)
        await eventually(lambda: _delivered(kafka, len(reports)), 60.0)
        assert len({push.id for push in department.pushes}) == len(reports)


async def test_two_stats_count_each_fact_once(
    kafka: KafkaSettings, producer: EventProducer, processes: Fleet, postgres: str
) -> None:
    """The counts are exact if two processes on one PostgreSQL both get every fact and one is killed (S1)."""
    facts = [
        fact for number in range(STATS_REPORTS) for fact in (lifecycle.registered(number), lifecycle.decided(number))
    ]
    # two keys put two copies of each fact on two partitions, so that two processes get them
    copies = [
        OutgoingRecord(topics.LIFECYCLE, key.encode(), fact.body, headers_of(fact.attributes))
        for fact in facts
        for key in (fact.attributes.subject, fact.attributes.subject[::-1])
    ]
    random.Random(SEED).shuffle(copies)
    stats = [processes.stats(number, postgres) for number in range(2)]
    for process in stats:
        await process.start()
    await share_partitions(topics.LIFECYCLE, *stats)
    await producer.send_all(copies[: len(facts)])
    await eventually(lambda: _have_all_counted_some(stats), 30.0)
    await stats[1].end(signal.SIGKILL)
    await producer.send_all(copies[len(facts) :])
    await stats[1].start()
    await is_read_up(kafka, "stats", topics.LIFECYCLE, 90)
    assert await read_all(kafka, topics.dead_letters("stats")) == []
    for process in stats:
        await assert_counted_once(process.url, {fact.attributes.subject for fact in facts}, 10)


async def _two_notifiers(processes: Fleet, postgres: str, known: Sequence[Endpoint]) -> list[ServiceProcess]:
    """Two ready notifiers that share the partitions of a department's topic."""
    notifiers = [processes.notifier(number, postgres, known) for number in range(2)]
    for notifier in notifiers:
        await notifier.start()
    await share_partitions(topics.opd("DISHUB", Lane.ROUTINE), *notifiers)
    return notifiers


def _endpoints(reports: Sequence[ReportSubmitted], department: Receiver) -> list[Endpoint]:
    opds = {code for report in reports for code in targets_of(report)}
    return [endpoint(code.lower(), code, department.url) for code in sorted(opds)]


def _assigned(reports: Sequence[ReportSubmitted]) -> list[OutgoingRecord]:
    """Return the reports as records on the departments' topics, made by the router's code."""
    records = [assigned_record(report, code) for report in reports for code in sorted(targets_of(report))]
    return [OutgoingRecord(record.topic, record.key, record.value, list(record.headers)) for record in records]


def _pusher(push: Push) -> str:
    return str(push.json["ack_url"]).partition("/v1/")[0]


async def _delivered(kafka: KafkaSettings, count: int) -> bool:
    """Return whether this many different facts record a delivery."""
    facts = [text_headers(record.headers) for record in await read_all(kafka, topics.LIFECYCLE)]
    return len({fact["ce_id"] for fact in facts if fact["ce_type"] == DELIVERED}) >= count


async def _have_all_counted_some(stats: Sequence[ServiceProcess]) -> bool:
    return all(["laksa_facts_applied_total{" in await process.metrics() for process in stats])
