"""Bytewax doing the router's job; ``python -m benchmarks.contenders.bytewax_flow`` in ``.venv-bench``.

Its sink waits at the end of each batch until all records are sent, but checks no result: a record that Kafka refuses
permanently is lost silently. It stores its offsets in its own files, once per epoch, and not as a consumer group in
Kafka. ``--same-records`` makes it write the same bytes as the router.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from benchmarks.contenders.job import Job, job_of
from shared.domain.lanes import Lane
from shared.events import topics
from shared.messaging.subscribing import BATCH_RECORDS

LINGER_MS = "5"
EPOCH = timedelta(seconds=0.5)  # how often it stores its offsets; the default is 10 s


def flow_of(servers: str, job: Job) -> Dataflow:
    """Return the job as a dataflow."""

    def route(reports: Sequence[Any]) -> Iterator[Any]:
        for report in reports:
            for out in job(report.value, report.headers):
                yield KafkaSinkMessage(out.key, out.value, topic=out.topic, headers=out.headers)

    tuning = {"acks": "all", "enable.idempotence": "true", "linger.ms": LINGER_MS, "compression.type": "lz4"}
    flow = Dataflow("router")
    reports = op.input(
        "reports", flow, KafkaSource([servers], [topics.reports(Lane.ROUTINE)], batch_size=BATCH_RECORDS)
    )
    op.output("records", op.flat_map_batch("route", reports, route), KafkaSink([servers], None, add_config=tuning))
    return flow


def main() -> None:
    """Run until SIGTERM. The offsets are stored in a temporary folder named after the group."""
    servers, group = sys.argv[1:3]
    folder = Path(tempfile.gettempdir()) / group
    if not folder.is_dir():
        folder.mkdir()
        init_db_dir(folder, 1)
    job = job_of(same_records="--same-records" in sys.argv)
    cli_main(flow_of(servers, job), epoch_interval=EPOCH, recovery_config=RecoveryConfig(folder))


if __name__ == "__main__":
    main()
