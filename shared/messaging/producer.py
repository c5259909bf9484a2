"""Publishing with a result that can be trusted: acknowledged by all in-sync replicas, or `BrokerUnavailable`."""

import asyncio
import contextlib
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from shared.errors import BrokerUnavailable, LaksaError, RecordTooLarge
from shared.events.outgoing import OutgoingRecord
from shared.messaging.connection import connection_options
from shared.observability.logs import logger
from shared.observability.metrics import MessagingMetrics
from shared.settings import KafkaSettings

MAX_REQUEST_BYTES = 256 * 1024  # a report is at most 64 KiB; a cut dead letter 128 KiB
STOP_SECONDS = 3.0  # stop() hangs on a record in flight while the broker is down

Look = Callable[[AIOKafkaProducer], Awaitable[None]]

log = logger(__name__)


def partition_by_crc32(key: bytes | None, all_partitions: list[int], _available: list[int]) -> int:
    """Librdkafka's default placement. aiokafka's own murmur2 is pure Python and the largest cost of a send."""
    return zlib.crc32(key or b"") % len(all_partitions)


def make_client(settings: KafkaSettings, *, linger: timedelta = timedelta(0)) -> AIOKafkaProducer:
    """An idempotent aiokafka producer with acks=all; connects when started."""
    return AIOKafkaProducer(
        **connection_options(settings),
        acks="all",
        enable_idempotence=True,
        max_request_size=MAX_REQUEST_BYTES,
        linger_ms=int(linger / timedelta(milliseconds=1)),
        compression_type="lz4",
        partitioner=partition_by_crc32,
        request_timeout_ms=10_000,
        retry_backoff_ms=500,
        metadata_max_age_ms=5_000,
    )


class EventProducer:
    """Sends records and replaces its client where that became useless.

    After a lost sequence number every later send to that partition fails, and a send that outlived its deadline still
    sits in the client's buffer; in both cases a new client is made and the caller sends again. Event ids make the
    repeats harmless. ``look`` sees each new client before it sends anything, and raises where it must not.
    """

    def __init__(
        self,
        make: Callable[[], AIOKafkaProducer],
        *,
        deadline: timedelta,
        metrics: MessagingMetrics | None = None,
        look: Look | None = None,
    ) -> None:
        self._make = make
        self._look = look
        self._deadline = deadline.total_seconds()
        self._metrics = metrics
        self._client: AIOKafkaProducer | None = None
        self._replacing = asyncio.Lock()

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailable: nothing answers at the bootstrap addresses.
            ConfigurationError: what answers is not safe to send to.
        """
        async with self._replacing:
            if self._client is None:
                self._client = await self._connected_client()

    async def stop(self) -> None:
        """Send what is in hand, then disconnect; gives up after a few seconds."""
        async with self._replacing:
            client, self._client = self._client, None
        if client is not None:
            await _stop_quietly(client)

    async def send_all(self, records: Sequence[OutgoingRecord]) -> None:
        """Publish records and return once all are acknowledged by all in-sync replicas.

        Raises:
            BrokerUnavailable: not all were acknowledged before the deadline; some may be stored all the same.
            RecordTooLarge: one of them is larger than `MAX_REQUEST_BYTES`; no try will ever succeed.
        """
        if not records:
            return
        client = self._client
        if client is None:
            await self.start()
            client = self._client
        try:
            async with asyncio.timeout(self._deadline):
                await self._send(client, records)
        except MessageSizeTooLargeError as error:
            raise RecordTooLarge("A record is larger than Kafka takes") from error
        except (KafkaError, TimeoutError, OSError) as error:
            if self._metrics:
                self._metrics.publish_failures.labels(type(error).__name__).inc()
            log.warning("Kafka did not acknowledge", error=type(error).__name__, records=len(records))
            await self._replace(client)
            raise BrokerUnavailable("Kafka did not acknowledge in time") from error
        self._count(records)

    async def check(self) -> None:
        """Ask the cluster for its metadata.

        Raises:
            BrokerUnavailable: not connected, or no answer.
        """
        if self._client is None:
            raise BrokerUnavailable("Not connected to Kafka yet")
        try:
            if not await self._client.client.force_metadata_update():
                raise BrokerUnavailable("Kafka does not answer")
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable("Kafka does not answer") from error

    async def _send(self, client: AIOKafkaProducer, records: Sequence[OutgoingRecord]) -> None:
        futures: list[asyncio.Future[object]] = []
        try:
            for record in records:
                future = await client.send(record.topic, value=record.value, key=record.key, headers=record.headers)
                futures.append(future)  # what was sent before a failure must be known
            if self._metrics:
                with self._metrics.publishing.time():
                    await asyncio.gather(*futures)
            else:
                await asyncio.gather(*futures)
        except BaseException:
            for future in futures:
                future.add_done_callback(_retrieve)  # or asyncio logs "never retrieved" for what fails later
            raise

    async def _connected_client(self) -> AIOKafkaProducer:
        client = self._make()
        try:
            await client.start()
            if self._look is not None:
                await self._look(client)
        except (KafkaError, OSError) as error:
            await _stop_quietly(client)
            raise BrokerUnavailable("Kafka does not answer at its bootstrap addresses") from error
        except LaksaError:
            await _stop_quietly(client)
            raise
        return client

    async def _replace(self, broken: AIOKafkaProducer | None) -> None:
        async with self._replacing:
            if self._client is not broken or broken is None:
                return  # somebody else has replaced it already
            self._client = None
        await _stop_quietly(broken)

    def _count(self, records: Sequence[OutgoingRecord]) -> None:
        if self._metrics:
            for topic, count in Counter(record.topic for record in records).items():
                self._metrics.published.labels(topic).inc(count)


def _retrieve(future: "asyncio.Future[object]") -> None:
    if not future.cancelled():
        future.exception()


async def _stop_quietly(client: AIOKafkaProducer) -> None:
    # a cancelled flush leaves nothing behind that matters: unacknowledged records are sent again by their owner
    with contextlib.suppress(TimeoutError, KafkaError, OSError):
        await asyncio.wait_for(client.stop(), STOP_SECONDS)
