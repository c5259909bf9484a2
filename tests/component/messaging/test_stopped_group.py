"""A group past its dead-letter limit whose own stop fails or hangs, as where Kafka is away just then."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import pytest
from aiokafka.errors import KafkaConnectionError
from faststream.kafka import TestKafkaBroker
from faststream.kafka.subscriber.usecase import LogicSubscriber
from prometheus_client import CollectorRegistry

from shared.errors import BrokerUnavailable
from shared.events.outgoing import OutgoingRecord
from shared.messaging import ack_rule
from shared.messaging import consumer as consumer_module
from shared.messaging.ack_rule import GroupStopped
from shared.messaging.consumer import Consumer, ConsumerRow
from shared.messaging.received import Record
from shared.messaging.subscribing import Subscription
from shared.observability.metrics import MessagingMetrics
from shared.process.health import Health
from shared.settings import KafkaSettings, ServiceSettings
from tests.support.builders.records import consumer_record
from tests.support.kafka.producer import InMemoryProducer
from tests.support.waiting import eventually

GROUPS = ("first", "second")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ack_rule, "UNCLASSIFIED_WAITS", (0.001, 0.001))
    monkeypatch.setattr(ack_rule, "NACK_SECONDS", 0.001)
    monkeypatch.setattr(consumer_module, "STOP_SECONDS", 0.1)


async def _hang(_subscriber: object) -> None:
    await asyncio.Event().wait()


async def _fail(_subscriber: object) -> None:
    raise KafkaConnectionError


async def _handle(_records: Sequence[Record]) -> Sequence[OutgoingRecord]:
    raise RuntimeError("a bad deploy")


class _SilentProducer(InMemoryProducer):
    """A producer whose Kafka accepts connections and does not answer."""

    async def start(self) -> None:
        """Wait for an answer without end."""
        await asyncio.Event().wait()


def _consumer(health: Health, producer: InMemoryProducer | None = None) -> Consumer:
    rows = [
        ConsumerRow(Subscription(group=group, topics=[f"{group}.v1"]), parse=lambda record: record, handle=_handle)
        for group in GROUPS
    ]
    return Consumer(
        rows,
        service="test",
        lane=None,
        settings=ServiceSettings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")),
        producer=producer or InMemoryProducer(),
        metrics=MessagingMetrics(CollectorRegistry()),
        health=health,
        stopping=asyncio.Event(),
    )


async def _pass_the_limit(consumer: Consumer, group: str) -> None:
    for offset in range(5):
        await consumer.subscribers[group].process_message(consumer_record(b"", topic=f"{group}.v1", offset=offset))
    with pytest.raises(GroupStopped):
        await consumer.subscribers[group].process_message(consumer_record(b"", topic=f"{group}.v1", offset=5))


@pytest.mark.parametrize("stop", [_hang, _fail], ids=["hangs", "fails"])
async def test_a_stop_that_does_not_succeed_is_given_up_in_time(
    stop: Callable[[object], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task is left behind, its group is reported all the same, and the process can still end."""
    health = Health()
    consumer = _consumer(health)
    async with TestKafkaBroker(consumer.broker):
        monkeypatch.setattr(type(consumer.subscribers["first"]), "stop", stop)
        before = asyncio.all_tasks()
        await _pass_the_limit(consumer, "first")

        await eventually(lambda: asyncio.all_tasks() <= before, 5)
        ready, said = await health.ready()
        await asyncio.wait_for(consumer.stop(), 5)
        monkeypatch.undo()

    assert not ready
    assert said["halted"] == "The consumer group first passed its dead-letter limit; fix the cause and restart"


async def test_every_stopped_group_is_named() -> None:
    """Two groups past their limits are two faults to repair, and readiness says both."""
    health = Health()
    consumer = _consumer(health)
    async with TestKafkaBroker(consumer.broker):
        for group in GROUPS:
            await _pass_the_limit(consumer, group)
        _, said = await health.ready()

    assert all(group in said["halted"] for group in GROUPS)


async def test_a_group_that_stops_while_another_is_stopped_again_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the start stops one group again, another one passes its limit: the service goes on."""
    health = Health()
    consumer = _consumer(health)
    async with TestKafkaBroker(consumer.broker):
        before = asyncio.all_tasks()
        await _pass_the_limit(consumer, "first")
        await eventually(lambda: asyncio.all_tasks() <= before, 5)

        async def stop(subscriber: LogicSubscriber[object]) -> None:
            if subscriber is consumer.subscribers["first"] and len(health.faults) == 1:
                await _pass_the_limit(consumer, "second")

        monkeypatch.setattr(type(consumer.subscribers["first"]), "stop", stop)
        stopping = asyncio.Event()
        running = asyncio.create_task(consumer.run(stopping))
        await eventually(lambda: _is_consuming(consumer), 5)
        stopping.set()
        await asyncio.wait_for(running, 5)
        await consumer.stop()
        monkeypatch.undo()

    assert len(health.faults) == 2


async def _is_consuming(consumer: Consumer) -> bool:
    with contextlib.suppress(BrokerUnavailable):
        await consumer.check()
        return True
    return False


async def test_a_cancelled_run_leaves_no_task_behind() -> None:
    """Another loop of the process failed: connecting to Kafka must not go on without anybody to stop it."""
    consumer = _consumer(Health(), _SilentProducer())
    before = asyncio.all_tasks()
    running = asyncio.create_task(consumer.run(asyncio.Event()))
    await eventually(lambda: len(asyncio.all_tasks() - before) == 3, 5)

    running.cancel()
    await asyncio.wait({running})

    assert asyncio.all_tasks() <= before
