"""A producer without Kafka: keeps what it is given, and fails when told to."""

from collections.abc import Sequence
from datetime import timedelta

from shared.errors import BrokerUnavailable, RecordTooLarge
from shared.events.envelope import text_headers
from shared.events.outgoing import OutgoingRecord
from shared.messaging.producer import MAX_REQUEST_BYTES, EventProducer, make_client
from shared.settings import KafkaSettings


class InMemoryProducer(EventProducer):
    """Behaves as `EventProducer` does towards its callers; its suite is ``tests/integration/messaging``.

    ``failures`` is how many of the next calls find Kafka down, ``refused_topics`` those that never take a record.
    """

    def __init__(self) -> None:
        nowhere = KafkaSettings(bootstrap_servers="127.0.0.1:1")
        super().__init__(lambda: make_client(nowhere), deadline=timedelta(seconds=1))
        self.sent: list[OutgoingRecord] = []
        self.failures = 0
        self.refused_topics: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def check(self) -> None:
        """Fail as a send would.

        Raises:
            BrokerUnavailable: failures are left.
        """
        if self.failures:
            raise BrokerUnavailable("Kafka does not answer")

    async def send_all(self, records: Sequence[OutgoingRecord]) -> None:
        """Keep the records, all of them or none."""
        if not records:
            return
        if any(len(record.key) + len(record.value) > MAX_REQUEST_BYTES for record in records):
            raise RecordTooLarge("A record is larger than Kafka takes")
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("Kafka did not acknowledge in time")
        if any(record.topic in self.refused_topics for record in records):
            raise BrokerUnavailable("Kafka did not acknowledge in time")
        self.sent.extend(records)

    def on(self, topic: str) -> list[OutgoingRecord]:
        """What was sent to a topic, in order."""
        return [record for record in self.sent if record.topic == topic]


def headers(record: OutgoingRecord) -> dict[str, str]:
    """A sent record's headers as text."""
    return text_headers(record.headers)
