"""The names of all topics of the pipeline. Pure."""

from collections.abc import Iterable
from itertools import product

from shared.domain.lanes import Channel, Lane

LIFECYCLE = "lifecycle.v1"
UPDATES = "reports.updates.v1"


def reports(lane: Lane) -> str:
    """The topic of a lane's reports, written by intake."""
    return f"reports.{lane}.v1"


def opd(code: str, lane: Lane) -> str:
    """The topic of a department's reports of a lane."""
    return f"opd.{code.lower()}.{lane}.v1"


def is_stored_unpacked(topic: str) -> bool:
    """Whether the broker stores a topic uncompressed, because departments read it with various clients.

    Other topics use lz4, which many clients cannot read (kafkajs, and aiokafka without an extra package).
    """
    return topic.startswith("opd.")


def opd_pattern(lane: Lane) -> str:
    """A regular expression that matches all departments' topics of a lane."""
    return rf"^opd\.[a-z0-9]+\.{lane}\.v1$"


def opd_of(topic: str) -> str:
    """The OPD code in the name of a department's topic, incoming or outgoing."""
    return topic.split(".")[1].upper()


def channel(name: Channel) -> str:
    """The topic to which a channel may write reports instead of sending them by HTTP."""
    return f"channels.{name}.v1"


def department(code: str) -> str:
    """The topic of a department's answers."""
    return f"departments.{code.lower()}.v1"


def dead_letters(service: str, lane: str | None = None) -> str:
    """The dead-letter topic of a service and lane."""
    return f"{service}.{lane}.dlq.v1" if lane else f"{service}.dlq.v1"


def named_by(address: str, opds: Iterable[str]) -> list[str]:
    """All topics of an address with placeholders: ``{opd}``, ``{lane}`` and ``{channel}`` take all their values."""
    known: dict[str, list[str]] = {
        "opd": [code.lower() for code in opds],
        "lane": list(Lane),
        "channel": list(Channel),
    }
    used = [name for name in known if f"{{{name}}}" in address]
    chosen = product(*[known[name] for name in used])
    return [address.format(**dict(zip(used, values, strict=True))) for values in chosen]
