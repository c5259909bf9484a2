"""Publishing with a certain result: acknowledged by all in-sync replicas, or `BrokerUnavailable`."""

import asyncio
import contextlib
import zlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from shared.errors import BrokerUnavailable, RecordTooLarge
from shared.events import topics
from shared.events.outgoing import OutgoingRecord
from shared.messaging.connection import connection_options
from shared.observability.logs import logger
from shared.observability.metrics import MessagingMetrics, count_by_topic
from shared.settings import KafkaSettings

MAX_REQUEST_BYTES = 256 * 1024  # a report is at most 64 KiB; a cut dead letter 128 KiB
SMALL_BYTES = MAX_REQUEST_BYTES // 2  # a value below this is never too large, with a few kilobytes of key and headers
MAX_BATCH_BYTES = (
    MAX_REQUEST_BYTES  # aiokafka's default of 16 KiB splits 500 reports into about 70 requests, one after another
)
STOP_SECONDS = 3.0  # stop() hangs on a record in flight while the broker is down
CUT_OFF_SECONDS = 0.5  # for closing a connection that is given up

Preflight = Callable[[AIOKafkaProducer], Awaitable[None]]

log = logger(__name__)


def partition_of(key: bytes | None, count: int) -> int:
    """Librdkafka's default placement. aiokafka's own murmur2 is pure Python and the largest cost of a send."""
    return zlib.crc32(key or b"") % count


def partition_by_crc32(key: bytes | None, all_partitions: list[int], _available: list[int]) -> int:
    """`partition_of` with the signature that aiokafka expects of a partitioner."""
    return partition_of(key, len(all_partitions))


def make_client(settings: KafkaSettings) -> AIOKafkaProducer:
    """An idempotent aiokafka producer with acks=all; connects when started.

    Codec and partitioner matter only for callers of its ``send``; `EventProducer` gives it whole batches.
    """
    return AIOKafkaProducer(
        **connection_options(settings),
        acks="all",
        enable_idempotence=True,
        max_request_size=MAX_REQUEST_BYTES,
        compression_type="lz4",
        partitioner=partition_by_crc32,
        request_timeout_ms=10_000,
        retry_backoff_ms=500,
        metadata_max_age_ms=5_000,
    )


class EventProducer:
    """Sends records, and replaces its client when that can no longer send.

    After a lost sequence number every later send to that partition fails, and a send that outlived its deadline still
    sits in the client's buffer; in both cases a new client is made and the caller sends again. Event ids make the
    repeats harmless. ``preflight`` sees each new client before it sends anything, and raises where it must not.
    """

    def __init__(
        self,
        make: Callable[[], AIOKafkaProducer],
        *,
        deadline: timedelta,
        metrics: MessagingMetrics | None = None,
        preflight: Preflight | None = None,
    ) -> None:
        self._make = make
        self._preflight = preflight
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
        """Send the pending records, then disconnect; gives up after a few seconds."""
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
        _refuse_too_large(records)
        futures: list[asyncio.Future[object]] = []
        try:
            missing = await _hand_over_all(client, records, futures)
            if self._metrics:
                with self._metrics.publishing.time():
                    await asyncio.gather(*futures)
            else:
                await asyncio.gather(*futures)
        except BaseException:
            for future in futures:
                future.add_done_callback(_retrieve)  # or asyncio logs "never retrieved" for what fails later
            raise
        if missing is not None:
            raise missing

    async def _connected_client(self) -> AIOKafkaProducer:
        client = self._make()
        try:
            async with asyncio.timeout(self._deadline):  # aiokafka retries an unresponsive broker without a timeout
                await client.start()
                if self._preflight is not None:
                    await self._preflight(client)
        except (KafkaError, TimeoutError, OSError) as error:
            await _stop_quietly(client)
            raise BrokerUnavailable("Kafka does not answer at its bootstrap addresses") from error
        except BaseException:  # a stop of the service cancels connecting: nobody else knows this client
            await _stop_quietly(client)
            raise
        return client

    async def _replace(self, broken: AIOKafkaProducer | None) -> None:
        async with self._replacing:
            if self._client is not broken or broken is None:
                return  # another task has already replaced it
            self._client = None
        await _stop_quietly(broken)

    def _count(self, records: Sequence[OutgoingRecord]) -> None:
        if self._metrics:
            count_by_topic(self._metrics.published, [record.topic for record in records])


def _refuse_too_large(records: Sequence[OutgoingRecord]) -> None:
    """Return if Kafka accepts the size of each record.

    Raises:
        RecordTooLarge: no record was sent.
    """
    size_of = DefaultRecordBatchBuilder.estimate_size_in_bytes
    for record in records:
        if len(record.value) > SMALL_BYTES and size_of(record.key, record.value, record.headers) > MAX_REQUEST_BYTES:
            raise RecordTooLarge("A record is larger than Kafka takes")


async def _hand_over_all(
    client: AIOKafkaProducer, records: Sequence[OutgoingRecord], futures: list["asyncio.Future[object]"]
) -> KafkaError | None:
    """Give records to the client, and return the error of a topic that Kafka does not know.

    Such a topic must not delay records for the others, for example an emergency next to the fact that counts it.
    """
    known = client.client.cluster.topics()
    await _hand_over(client, [record for record in records if record.topic in known], futures)

    async def when_known(topic: str) -> None:
        await client.partitions_for(topic)
        await _hand_over(client, [record for record in records if record.topic == topic], futures)

    unknown = dict.fromkeys(record.topic for record in records if record.topic not in known)
    ends = await asyncio.gather(*map(when_known, unknown), return_exceptions=True)
    faults = [end for end in ends if isinstance(end, BaseException)]
    for fault in faults:
        if not isinstance(fault, KafkaError):
            raise fault
    return faults[0] if faults else None


async def _hand_over(
    client: AIOKafkaProducer, records: Sequence[OutgoingRecord], futures: list["asyncio.Future[object]"]
) -> None:
    """Give records to the client, batch by batch; ``futures`` has those that were given before a failure."""
    sets = await partitioned(client, records)
    while sets:
        for (topic, partition), batches in sets.items():
            futures.append(await client.send_batch(batches.pop(0), topic, partition=partition))
        sets = {partition: batches for partition, batches in sets.items() if batches}


async def partitioned(
    client: AIOKafkaProducer, records: Sequence[OutgoingRecord]
) -> dict[TopicPartition, list[BatchBuilder]]:
    """The records as batches of their partitions, each key's in order.

    ``client.send`` makes a coroutine and a future for each record, which costs as much as all the rest of routing it.
    Batches cost little more than the bytes of their records.
    """
    counts: dict[str, int] = {}
    sets: dict[TopicPartition, list[BatchBuilder]] = {}
    for record in records:
        topic = record.topic
        if topic not in counts:
            counts[topic] = len(await client.partitions_for(topic))
        partition = TopicPartition(topic, partition_of(record.key, counts[topic]))
        batches = sets.get(partition)
        if batches is None:
            batches = sets[partition] = [_new_batch(topic)]
        content = {"key": record.key, "value": record.value, "headers": record.headers}
        if batches[-1].append(timestamp=None, **content) is None:  # the batch is full, and append has closed it
            batches.append(_new_batch(topic))
            batches[-1].append(timestamp=None, **content)
    for batches in sets.values():
        batches[-1].close()  # no more records follow, so it can be sent without lingering
    return sets


def _new_batch(topic: str) -> BatchBuilder:
    # The broker stores these topics uncompressed; compressing them would cost a sixth of a report's time for nothing.
    codec = DefaultRecordBatch.CODEC_NONE if topics.is_stored_unpacked(topic) else DefaultRecordBatch.CODEC_LZ4
    return BatchBuilder(MAX_BATCH_BYTES, codec, is_transactional=False)


def _retrieve(future: "asyncio.Future[object]") -> None:
    if not future.cancelled():
        future.exception()


async def _stop_quietly(client: AIOKafkaProducer) -> None:
    """Stop a client. If it cannot flush in time it is closed; its owner sends unacknowledged records again.

    Otherwise it would retry for ever next to its successors, and write its copies when Kafka is back.
    """
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await client.flush()
            await client.stop()
    except (TimeoutError, KafkaError, OSError):
        client._closed = True  # noqa: SLF001  # its stop() waits for the flush without a timeout; these are its next steps
        for part in (client._sender, client.client):  # noqa: SLF001  # as above
            with contextlib.suppress(TimeoutError, KafkaError, OSError):
                async with asyncio.timeout(CUT_OFF_SECONDS):
                    await part.close()
