"""``laksa tail``: shows the records of a department's topic."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from services.cli.layout import Layout
from services.cli.printable import printable
from services.cli.run_file import read_run_file
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.errors import BrokerUnavailable, ConfigurationError
from shared.events import topics
from shared.events.envelope import text_headers
from shared.messaging.connection import connection_options
from shared.messaging.topic_admin import admin_client, partitions_of
from shared.settings import KafkaSettings

QUIET_MS = 500


async def tail(layout: Layout, console: Console, *, opd: str, lane: Lane | None, only_new: bool, follow: bool) -> int:
    """Print the records of a department's topics, oldest first.

    Raises:
        ConfigurationError: the OPD is unknown, or nothing runs on this data folder.
        BrokerUnavailable: Kafka does not answer.
    """
    if opd.upper() not in default_taxonomy().opds:
        raise ConfigurationError(f"There is no OPD {opd}. There are: {', '.join(default_taxonomy().opds)}")
    names = [topics.opd(opd, wanted) for wanted in ([lane] if lane else Lane)]
    settings = KafkaSettings(bootstrap_servers=read_run_file(layout).kafka)
    consumer = AIOKafkaConsumer(**connection_options(settings), enable_auto_commit=False)
    console.print(f"reading {', '.join(names)}" + (", Ctrl-C ends it" if follow else ""), style="dim")
    try:
        async with admin_client(settings) as admin:
            partitions = await partitions_of(admin, names)
        await consumer.start()
        await _read(consumer, console, partitions, only_new=only_new, follow=follow)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable("Kafka does not answer") from error
    finally:
        await consumer.stop()
    return 0


async def _read(
    consumer: AIOKafkaConsumer, console: Console, partitions: list[TopicPartition], *, only_new: bool, follow: bool
) -> None:
    consumer.assign(partitions)
    if only_new:
        await consumer.seek_to_end(*partitions)
    else:
        await consumer.seek_to_beginning(*partitions)
    ends = await consumer.end_offsets(partitions)
    while follow or not await _has_reached(consumer, ends):
        batches = await consumer.getmany(timeout_ms=QUIET_MS)
        arrived = [record for batch in batches.values() for record in batch]
        for record in sorted(arrived, key=lambda record: record.timestamp):
            console.print(line_of(record), soft_wrap=True)


async def _has_reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])


def line_of(record: ConsumerRecord) -> Text:
    """One record as text: the headers with its type and the reason of the routing, then the report itself."""
    headers = {name: printable(value) for name, value in text_headers(record.headers).items()}
    body = _body(record.value)
    line = Text()
    line.append(f"{headers.get('ce_time', '')} ", style="dim")
    line.append(f"{headers.get('ce_lane', '')} ", style="red" if headers.get("ce_lane") == Lane.EMERGENCY else "green")
    line.append(f"{headers.get('ce_category') or '-'} ", style="bold")
    line.append(f"{headers.get('ce_role', '')} ")
    line.append(printable(f"{body.get('ticket', '')} {body.get('text') or '(no text)'}"))
    for name in ("ce_type", "ce_mode", "ce_rule", "ce_table", "ce_why", "ce_id", "ce_subject"):
        line.append(f"\n    {name}: ", style="dim")
        line.append(headers.get(name, "-"))
    return line


def _body(value: bytes | None) -> dict[str, Any]:
    try:
        read = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {"text": (value or b"").decode(errors="replace")}
    return read if isinstance(read, dict) else {}
