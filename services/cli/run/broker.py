"""The broker of a run: the one that was given, or an Apache Kafka of our own, and the topics on it."""

import asyncio
import threading
from collections.abc import Callable

from services.cli.layout import Layout
from services.cli.run.child import Program
from services.cli.run.embedded_kafka import EmbeddedKafka, FetchProgress
from services.cli.run.embedded_kafka.ports import HOST
from services.cli.run.embedded_kafka.readiness import wait_until_answers
from services.cli.run.plan import KAFKA_STOP_SECONDS
from shared.domain.taxonomy import default_taxonomy
from shared.messaging.topic_admin import create_topics
from shared.messaging.topic_specs import all_topics
from shared.settings import KafkaSettings


async def prepare(embedded: EmbeddedKafka, report: Callable[[FetchProgress], None]) -> None:
    """Fetch and format off the loop. The thread is a daemon: a Ctrl-C must not wait for a download.

    Raises:
        BrokerError: something is missing; the message says what to do.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def work() -> None:
        try:
            embedded.prepare(report)
        except Exception as error:  # noqa: BLE001  # handed over to who waits
            loop.call_soon_threadsafe(_settle, done, error)
        else:
            loop.call_soon_threadsafe(_settle, done, None)

    threading.Thread(target=work, name="prepare-kafka", daemon=True).start()
    await done


def program_of(embedded: EmbeddedKafka, layout: Layout) -> Program:
    """The embedded Kafka as a program to keep running: the same port and data whenever it is started again."""
    return Program(
        name="kafka",
        command=embedded.command(),
        environment=embedded.environment(),
        folder=layout.root,
        inherited_files=embedded.inherited_files(),
        stop_seconds=KAFKA_STOP_SECONDS,
    )


async def wait_until_kafka_answers(embedded: EmbeddedKafka, seconds: float) -> None:
    """Return once a client gets an answer.

    Raises:
        TimeoutError: the time is up.
    """
    async with asyncio.timeout(seconds):
        await wait_until_answers(HOST, embedded.port, still_worth_it=lambda: None)


async def make_topics(settings: KafkaSettings) -> int:
    """Create the topics that are missing and return how many those were.

    Raises:
        BrokerUnavailable: Kafka does not answer, or refuses one.
    """
    specs = all_topics(
        default_taxonomy().opds, replication=settings.replication_factor, min_insync=settings.min_insync_replicas
    )
    return len(await create_topics(settings, specs))


def _settle(done: "asyncio.Future[None]", error: Exception | None) -> None:
    if done.done():
        return  # nobody waits any more
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
