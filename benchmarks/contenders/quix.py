"""Quix Streams doing the router's job; ``python -m benchmarks.contenders.quix`` in ``.venv-bench``.

A report is expanded into its records, and each record is sent to its topic. Every 500 reports a checkpoint waits until
all records are acknowledged, then commits the offsets. ``--same-records`` makes it write the same bytes as the router.
"""

import sys
import tempfile
import time
from typing import Any

from quixstreams import Application
from quixstreams.models import Serializer

from benchmarks.contenders.job import Job, job_of
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.events.outgoing import OutgoingRecord
from shared.messaging.subscribing import BATCH_RECORDS

LINGER_MS = 5


class Body(Serializer):  # type: ignore[misc]  # its types are installed in another environment
    """A serializer that leaves the value unchanged."""

    def __call__(self, value: OutgoingRecord, ctx: Any) -> bytes:  # noqa: ARG002  # the library passes it by name
        """Return the value unchanged."""
        return value.value


def consume(servers: str, group: str, job: Job, state: str) -> None:
    """Consume until SIGTERM, which Quix Streams handles itself."""
    app = Application(
        servers,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_every=BATCH_RECORDS,
        auto_create_topics=False,
        use_changelog_topics=False,
        state_dir=state,
        loglevel=None,
        producer_extra_config={
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": LINGER_MS,
            "compression.type": "lz4",
        },
    )
    names = [topics.LIFECYCLE, *(topics.opd(code, Lane.ROUTINE) for code in default_taxonomy().opds)]
    outputs = {name: app.topic(name, value_serializer=Body(), key_serializer="bytes") for name in names}
    reports = app.dataframe(app.topic(topics.reports(Lane.ROUTINE), value_deserializer="bytes"))
    records = reports.apply(lambda body, _key, _time, headers: job(body, headers), expand=True, metadata=True)
    records = records.set_headers(lambda record, _key, _time, _headers: record.headers)
    # otherwise the outputs have the timestamp of the report
    records = records.set_timestamp(lambda _record, _key, _time, _headers: int(time.time() * 1000))
    records.to_topic(lambda record, _key, _time, _headers: outputs[record.topic], key=lambda record: record.key)
    app.run()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        consume(sys.argv[1], sys.argv[2], job_of(same_records="--same-records" in sys.argv), directory)
