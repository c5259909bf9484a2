"""The upper limit: the same loop with Kafka's protocol in C; ``python -m benchmarks.contenders.librdkafka``.

``--same-records`` makes it write the same bytes as the router.
"""

import signal
import sys
import threading
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer

from benchmarks.contenders.job import Job, job_of
from shared.domain.lanes import Lane
from shared.events import topics
from shared.messaging.subscribing import BATCH_RECORDS, BATCH_WAIT_MS

LINGER_MS = 5
FLUSH_SECONDS = 10.0


def consume(servers: str, group: str, job: Job) -> None:
    """Consume until SIGTERM."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": LINGER_MS,
            "compression.type": "lz4",
        }
    )
    consumer.subscribe([topics.reports(Lane.ROUTINE)])
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    while not stopping.is_set():
        taken = consumer.consume(BATCH_RECORDS, BATCH_WAIT_MS / 1000)
        for message in taken:
            if message.error():
                raise KafkaException(message.error())
            headers: Any = message.headers()  # typed as text or bytes; Kafka returns bytes
            for out in job(message.value() or b"", headers):
                producer.produce(out.topic, out.value, out.key, headers=[*out.headers])
        if taken:
            if producer.flush(FLUSH_SECONDS):
                raise TimeoutError("Kafka did not acknowledge all records")
            consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    consume(sys.argv[1], sys.argv[2], job_of(same_records="--same-records" in sys.argv))
