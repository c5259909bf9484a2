"""The real process on a real Kafka counts each fact once despite kills, repeats and unreadable records."""

import asyncio
import random
import signal
import time

from aiokafka import AIOKafkaConsumer

from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.events import topics
from shared.events.envelope import text_headers
from shared.events.outgoing import OutgoingRecord
from shared.messaging.connection import connection_options
from tests.support.builders import lifecycle
from tests.support.processes.stats_process import StatsProcess
from tests.support.waiting import eventually

PERIOD = "/v1/stats/112?from=2024-01&to=2024-07"
CANARIES = 40


async def test_the_table_survives_a_kill_and_a_repetition_of_everything(stats: StatsProcess) -> None:
    """After a SIGKILL while facts arrive shuffled and twice, the table has 376 calls and the difference is 0 (S1)."""
    known = lifecycle.calls_of_2024()
    shuffled = random.Random(2024).sample(known * 2, len(known) * 2)

    async def some_counted() -> bool:
        return bool((await stats.get(PERIOD))["total"])

    async def all_counted() -> bool:
        answer, accounts = await stats.get(PERIOD), await stats.get("/v1/conservation")
        return bool(answer["total"] == 376 and accounts["routine"]["difference"] == 0)

    await stats.publish(shuffled[:700])
    await eventually(some_counted)
    await stats.end(signal.SIGKILL)
    await stats.publish(shuffled[700:])
    await stats.start()
    await eventually(all_counted, 30.0)
    rows = (await stats.get(PERIOD))["rows"]
    assert {row["key"]: row["count"] for row in rows} == CALLS_112_TANGERANG_2024.parts
    assert (await stats.get("/v1/conservation"))["routine"]["accepted"] == 376
    await stats.stop()


async def test_a_fact_is_counted_within_seconds(stats: StatsProcess) -> None:
    """From publishing until the API shows it, a fact takes p95 ≤ 5 s and p99 ≤ 30 s (S2)."""
    waits = []
    for number in range(CANARIES):
        began = time.monotonic()
        await stats.publish([lifecycle.registered(number)])

        async def is_known(path: str = f"/v1/reports/{lifecycle.report_id(number)}") -> bool:
            return await stats.get(path) is not None

        await eventually(is_known, 30.0)
        waits.append(time.monotonic() - began)
    waits.sort()
    assert waits[int(CANARIES * 0.95) - 1] <= 5.0
    assert waits[-1] <= 30.0


async def test_a_bad_record_goes_to_the_dead_letters_and_the_rest_is_counted(stats: StatsProcess) -> None:
    """Records without headers, without JSON, with an unknown type or a null header do not stop the valid facts."""
    good = [lifecycle.registered(number) for number in range(5)]
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"x"), ("ce_source", b"/laksa/test")]
    known = ("ce_type", good[0].attributes.type.encode())
    key = good[0].attributes.subject.encode()
    await stats.publish(good[:3])
    await stats.producer.send_all(
        [
            OutgoingRecord(topics.LIFECYCLE, key, b"{}", []),
            OutgoingRecord(topics.LIFECYCLE, key, b"{", [*headers, known]),
            OutgoingRecord(
                topics.LIFECYCLE, key, b"{}", [*headers, ("ce_type", b"id.go.tangerangkota.report.sung.v1")]
            ),
            OutgoingRecord(topics.LIFECYCLE, key, b"{}", [*headers, known, ("note", b"\xff\xfe")]),
        ]
    )
    await stats.publish(good[3:])

    async def all_counted() -> bool:
        return bool((await stats.get("/v1/conservation"))["routine"]["accepted"] == 5)

    await eventually(all_counted, 30.0)
    assert await _dead_letter_codes(stats, 4) == [
        "invalid_event",
        "missing_attribute",
        "unknown_event_type",
        "unreadable_body",
    ]
    assert await stats.is_ready()


async def test_an_open_live_stream_does_not_delay_the_stop(stats: StatsProcess) -> None:
    """On SIGTERM an open live stream ends, and the process stops in time (W3)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stats.port)
    writer.write(b"GET /board/live HTTP/1.1\r\nhost: stats\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b": ping"), 5.0)
    began = time.monotonic()
    await stats.stop()
    assert time.monotonic() - began < 6.0
    assert b"event: counted" not in await reader.read()
    writer.close()


async def _dead_letter_codes(stats: StatsProcess, count: int) -> list[str]:
    consumer = AIOKafkaConsumer(
        topics.dead_letters("stats"),
        **connection_options(stats.kafka),
        auto_offset_reset="earliest",
        group_id=None,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(30.0):
            found = [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()
    return sorted(text_headers(record.headers)["dlq-error-code"] for record in found)
