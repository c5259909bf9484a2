"""Writing and reading Kafka through librdkafka, so that the measurement takes little CPU."""

import time
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from shared.events.outgoing import OutgoingRecord
from shared.settings import KafkaSettings

ANSWER_SECONDS = 10.0
POLL_RECORDS = 5_000


def preload(kafka: KafkaSettings, records: Iterable[OutgoingRecord]) -> None:
    """Write records to their topics; return when all are stored."""
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "acks": "all", "linger.ms": 20, "compression.type": "lz4"}
    )
    for record in records:
        producer.produce(record.topic, record.value, record.key, headers=[*record.headers])
        producer.poll(0)
    if producer.flush(ANSWER_SECONDS):
        raise TimeoutError("Kafka did not store the records in time")


class Tail:
    """The records written to a topic from now on: their number and their times."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "group.id": "benchmark-tail",
                "enable.auto.commit": False,
            }
        )
        partitions = self._consumer.list_topics(topic, ANSWER_SECONDS).topics[topic].partitions
        self._begin = {partition: self._end(topic, partition) for partition in partitions}
        self._topic = topic

    def count(self) -> int:
        """Return how many records were written so far."""
        return sum(self._end(self._topic, partition) - begin for partition, begin in self._begin.items())

    def times(self) -> list[float]:
        """Return the timestamp of each record, in seconds, as set by its producer."""
        wanted = self.count()
        self._consumer.assign(
            [TopicPartition(self._topic, partition, begin) for partition, begin in self._begin.items()]
        )
        found: list[float] = []
        give_up_at = time.monotonic() + ANSWER_SECONDS
        while len(found) < wanted:
            if time.monotonic() > give_up_at:
                raise TimeoutError("Kafka did not return the records in time")
            for message in self._consumer.consume(POLL_RECORDS, 0.2):
                if message.error():
                    raise KafkaException(message.error())
                found.append(message.timestamp()[1] / 1000)
        return found

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _end(self, topic: str, partition: int) -> int:
        _, end = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), ANSWER_SECONDS)
        return int(end)
