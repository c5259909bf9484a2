"""``report.unreadable``: the bytes of an emergency that no service can read, for a person to look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.lanes import Lane
from shared.events.catalogue import UNREADABLE
from shared.events.envelope import RAW_CONTENT_TYPE, Attributes, headers_of
from shared.events.outgoing import OutgoingRecord

MAX_RAW_BYTES = 128 * 1024  # half of what a request to Kafka may hold, so that the record can always be written
MAX_SUBJECT_CHARACTERS = 100  # a report id has 36; what others wrote in its place may be of any length


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Where a record that no service can read came from; ``subject`` is its report id, or what stands for it.

    ``extensions`` are the CloudEvents extensions besides the lane, which is always the emergency lane.
    """

    event_id: str
    source: str
    subject: str
    time: datetime
    traceparent: str
    extensions: Mapping[str, str] = field(default_factory=dict)

    def record_on(self, topic: str, body: bytes | None) -> OutgoingRecord:
        """The event on a topic; a longer body than `MAX_RAW_BYTES` is cut."""
        subject = self.subject[:MAX_SUBJECT_CHARACTERS]
        attributes = Attributes(
            id=self.event_id,
            type=UNREADABLE,
            source=self.source,
            subject=subject,
            time=self.time,
            extensions={"lane": Lane.EMERGENCY.value, **self.extensions},
            traceparent=self.traceparent,
            correlation_id=subject,
            content_type=RAW_CONTENT_TYPE,
        )
        return OutgoingRecord(topic, subject.encode(), (body or b"")[:MAX_RAW_BYTES], headers_of(attributes))
