"""The Kafka of a run, given or embedded: preparing it, waiting for it, and making its topics."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)

from services.cli.layout import Layout
from services.cli.run.child import Program
from services.cli.run.embedded_kafka import EmbeddedKafka, FetchProgress
from services.cli.run.embedded_kafka.ports import HOST
from services.cli.run.embedded_kafka.readiness import wait_until_answers
from services.cli.run.plan import KAFKA_STOP_SECONDS
from shared.domain.taxonomy import default_taxonomy
from shared.errors import BrokerUnavailable
from shared.messaging.topic_admin import admin_client, create_topics
from shared.messaging.topic_specs import all_topics
from shared.settings import KafkaSettings

COORDINATOR_SECONDS = 60.0
POLL_SECONDS = 0.1
ASKED_GROUP = "stats"  # any group: all have their offsets in the same topic, and a given Kafka allows only ours


async def prepare(embedded: EmbeddedKafka, report: Callable[[FetchProgress], None]) -> None:
    """Fetch and format Kafka in a thread. The thread is a daemon, so that Ctrl-C does not wait for a download.

    Raises:
        BrokerError: something is missing; the message says what to do.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def work() -> None:
        try:
            embedded.prepare(report)
        except Exception as error:  # noqa: BLE001  # raised again by the waiting task
            loop.call_soon_threadsafe(_settle, done, error)
        else:
            loop.call_soon_threadsafe(_settle, done, None)

    threading.Thread(target=work, name="prepare-kafka", daemon=True).start()
    await done


def program_of(embedded: EmbeddedKafka, layout: Layout) -> Program:
    """The embedded Kafka as a program to keep running, with the same port and data at each restart."""
    return Program(
        name="kafka",
        command=embedded.command(),
        environment=embedded.environment(),
        folder=layout.root,
        inherited_files=embedded.inherited_files(),
        stop_seconds=KAFKA_STOP_SECONDS,
    )


async def wait_until_kafka_answers(embedded: EmbeddedKafka, seconds: float, log_file: Path) -> None:
    """Return once a client gets an answer.

    Raises:
        BrokerUnavailable: the time is up; the message names Kafka's log file.
    """
    try:
        async with asyncio.timeout(seconds):
            await wait_until_answers(HOST, embedded.port, still_worth_it=lambda: None)
    except TimeoutError as error:
        raise BrokerUnavailable(f"Kafka does not answer after {seconds:g} s. Its log is {log_file}") from error


async def make_topics(settings: KafkaSettings) -> int:
    """Create the missing topics, wait until consumer groups can be used, and return how many topics were missing.

    Raises:
        BrokerUnavailable: Kafka does not answer, refuses a topic, or offers no group coordinator in time.
    """
    specs = all_topics(
        default_taxonomy().opds, replication=settings.replication_factor, min_insync=settings.min_insync_replicas
    )
    made = await create_topics(settings, specs)
    await _wait_for_coordinator(settings)
    return len(made)


async def _wait_for_coordinator(settings: KafkaSettings) -> None:
    """A new Kafka makes its topic of offsets when a group is first asked for; until then consumers log errors."""
    try:
        async with asyncio.timeout(COORDINATOR_SECONDS), admin_client(settings) as client:
            while not await _has_coordinator(client):
                await asyncio.sleep(POLL_SECONDS)
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        raise BrokerUnavailable(f"Kafka offers no coordinator for consumer groups: {type(error).__name__}") from error


async def _has_coordinator(client: AIOKafkaAdminClient) -> bool:
    try:
        await client.list_consumer_group_offsets(ASKED_GROUP)
    except (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError):
        return False
    return True


def _settle(done: "asyncio.Future[None]", error: Exception | None) -> None:
    if done.done():
        return  # cancelled meanwhile
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
