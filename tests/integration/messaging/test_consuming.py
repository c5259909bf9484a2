"""The ack rule on a real Kafka: no valid record is lost, every bad one is dead-lettered, and the partitions move on."""

import itertools
from pathlib import Path

import pytest

from services.cli.run.embedded_kafka import EmbeddedKafka
from shared.messaging import ack_rule
from shared.messaging.consumer import Consumer
from shared.settings import KafkaSettings
from tests.support.apps.consuming import Echo
from tests.support.builders.records import submitted, submitted_headers
from tests.support.kafka.brokers import embedded_kafka
from tests.support.kafka.client import RawRecord, make_topics, read_all, unique, unread, write_raw
from tests.support.waiting import eventually

JSON = ("content-type", b"application/json")


def _good(number: int) -> RawRecord:
    report = submitted(number)
    return report.model_dump_json().encode(), submitted_headers(report)


def _ids(count: int) -> set[str]:
    return {str(submitted(number).report_id) for number in range(count)}


BODY, HEADERS = _good(0)
BAD: list[RawRecord] = [
    (BODY, [("ce_id", None), *HEADERS[2:]]),
    (BODY, [("ce_type", b"\xff\xfe")]),
    (BODY, []),
    (None, HEADERS),
    (None, [JSON]),
    (b"", HEADERS),
    (b"{broken", HEADERS),
    (b"\xff\xfe", [JSON]),
    (b"{}", HEADERS),
    (b"x" * 900_000, HEADERS),
]
ODD_BUT_GOOD: list[RawRecord] = [(BODY, [*HEADERS, ("x-null", None), ("x-binary", b"\x00\xff")])]


@pytest.fixture(params=[False, True], ids=["one by one", "batch"])
async def echo(request: pytest.FixtureRequest, kafka: KafkaSettings) -> Echo:
    """A small service with topics of its own, not started yet."""
    made = Echo(kafka, unique("echo"), batch=request.param)
    await make_topics(kafka, made.topic, made.out, made.dead)
    return made


async def _answers(echo: Echo) -> list[str]:
    return [(record.value or b"").decode() for record in await read_all(echo.kafka, echo.out)]


async def _all_settled(echo: Echo) -> bool:
    return await unread(echo.kafka, echo.name, echo.topic) == 0


async def test_bad_records_among_good_ones_cost_nobody_anything(echo: Echo, kafka: KafkaSettings) -> None:
    """Among bad headers, tombstones and broken JSON, valid records are answered once and bad ones dead-lettered."""
    good = [_good(number) for number in range(60)]
    mixed = [record for pair in zip(good, itertools.cycle(BAD), strict=False) for record in pair]
    await write_raw(kafka, echo.topic, [*mixed, *ODD_BUT_GOOD])

    async with echo.running():
        await eventually(lambda: _all_settled(echo), 60)

    answers = await _answers(echo)
    assert sorted(answers) == sorted([*_ids(60), str(submitted(0).report_id)])
    assert len(await read_all(kafka, echo.dead)) == 60


async def test_what_was_acknowledged_is_not_read_again(echo: Echo, kafka: KafkaSettings) -> None:
    """An ordered stop and a new start repeat nothing and skip nothing."""
    await write_raw(kafka, echo.topic, [_good(number) for number in range(20)])
    async with echo.running():
        await eventually(lambda: _all_settled(echo), 30)

    await write_raw(kafka, echo.topic, [_good(number) for number in range(20, 30)])
    async with echo.running():
        await eventually(lambda: _all_settled(echo), 30)

    answers = await _answers(echo)
    assert len(answers) == 30
    assert set(answers) == _ids(30)


async def test_a_bad_deploy_stops_and_loses_nothing(
    echo: Echo, kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F17: past the dead-letter limit the group stops with its offsets kept; after the fix it continues from there."""
    monkeypatch.setattr(ack_rule, "UNCLASSIFIED_WAITS", (0.01, 0.01))
    await write_raw(kafka, echo.topic, [_good(number) for number in range(40)])
    echo.broken = True

    async with echo.running() as consumer:
        await eventually(lambda: bool(echo.health.faults), 60)
        await eventually(lambda: _stopped(consumer), 30)

    given_up = {(record.value or b"") for record in await read_all(kafka, echo.dead)}
    assert 0 < len(given_up) < 40
    assert await unread(kafka, echo.name, echo.topic) > 0

    echo.broken = False
    async with echo.running():
        await eventually(lambda: _all_settled(echo), 30)
    answered = set(await _answers(echo))
    bodies = {_good(number)[0]: str(submitted(number).report_id) for number in range(40)}
    assert answered | {bodies[body] for body in given_up} == _ids(40)


async def test_an_error_of_the_parser_hits_only_its_record(echo: Echo, kafka: KafkaSettings) -> None:
    """An error that the parser should not raise costs one dead letter; the partitions move on."""
    good = [_good(number) for number in range(20)]
    echo.unparsable = frozenset({good[7][0] or b""})
    await write_raw(kafka, echo.topic, good)

    async with echo.running():
        await eventually(lambda: _all_settled(echo), 30)

    assert set(await _answers(echo)) == _ids(20) - {str(submitted(7).report_id)}
    assert [record.value for record in await read_all(kafka, echo.dead)] == [good[7][0]]


def _stopped(consumer: Consumer) -> bool:
    return all(not subscriber.running for subscriber in consumer.subscribers.values())


async def test_without_its_dead_letter_a_bad_record_stays(kafka: KafkaSettings) -> None:
    """While dead letters cannot be written the offset does not move; once they can, nothing was lost."""
    echo = Echo(kafka, unique("echo"), batch=True)
    await make_topics(kafka, echo.topic, echo.out)
    await write_raw(kafka, echo.topic, [_good(0), BAD[6]])

    async with echo.running():
        await eventually(lambda: _failed_to_publish(echo), 60)
        assert await unread(kafka, echo.name, echo.topic) > 0
        await make_topics(kafka, echo.dead)
        await eventually(lambda: _all_settled(echo), 60)

    assert [record.value for record in await read_all(kafka, echo.dead)] == [b"{broken"]


def _failed_to_publish(echo: Echo) -> bool:
    names = ("TimeoutError", "UnknownTopicOrPartitionError", "KafkaTimeoutError")
    return any(echo.registry.get_sample_value("laksa_publish_failures_total", {"error": name}) for name in names)


@pytest.mark.parametrize("batch", [False, True], ids=["one by one", "batch"])
async def test_nothing_is_lost_when_kafka_is_killed_under_load(tmp_path: Path, batch: bool) -> None:  # noqa: FBT001  # a table's column
    """F04: kill -9 of the broker in the middle: after its restart every report is answered and acknowledged."""
    count = 3_000 if batch else 400
    async with embedded_kafka(tmp_path) as broker:
        kafka = broker.connection()
        echo = Echo(kafka, unique("echo"), batch=batch)
        await make_topics(kafka, echo.topic, echo.out, echo.dead)
        await write_raw(kafka, echo.topic, [_good(number) for number in range(count)])

        async with echo.running():
            await eventually(lambda: _published(echo) >= count // 10, 30)
            await _kill_and_restart(broker)
            await eventually(lambda: _all_settled(echo), 90)

        assert set(await _answers(echo)) == _ids(count)
        assert await read_all(kafka, echo.dead) == []


def _published(echo: Echo) -> float:
    return echo.registry.get_sample_value("laksa_records_published_total", {"topic": echo.out}) or 0.0


async def _kill_and_restart(broker: EmbeddedKafka) -> None:
    broker.kill()
    broker.start()
    await broker.wait_ready()


async def test_a_service_waits_for_a_kafka_that_is_not_there_yet(tmp_path: Path) -> None:
    """A service that starts before Kafka is not ready, keeps trying, and consumes as soon as Kafka answers."""
    broker = embedded_kafka(tmp_path)
    broker.prepare()
    echo = Echo(broker.connection(), unique("echo"), batch=True)
    try:
        async with echo.running() as consumer:
            with pytest.raises(Exception, match="Not consuming from Kafka yet"):
                await consumer.check()
            broker.start()
            await broker.wait_ready()
            await make_topics(echo.kafka, echo.topic, echo.out, echo.dead)
            await write_raw(echo.kafka, echo.topic, [_good(0)])
            await eventually(lambda: _all_settled(echo), 60)
            await consumer.check()
    finally:
        await broker.stop()
