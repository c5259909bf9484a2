"""The names of all topics of the pipeline. Pure."""

from collections.abc import Iterable
from itertools import product

from shared.domain.lanes import Channel, Lane

LIFECYCLE = "lifecycle.v1"
UPDATES = "reports.updates.v1"


def reports(lane: Lane) -> str:
    """Where intake puts the reports of a lane."""
    return f"reports.{lane}.v1"


def opd(code: str, lane: Lane) -> str:
    """Where a department finds its reports of a lane."""
    return f"opd.{code.lower()}.{lane}.v1"


def is_stored_unpacked(topic: str) -> bool:
    """Whether the broker stores it uncompressed: departments read with clients of their own choice.

    Our producers send lz4 elsewhere, which many clients cannot read (kafkajs, and aiokafka alone).
    """
    return topic.startswith("opd.")


def opd_pattern(lane: Lane) -> str:
    """A regular expression for all departments' topics of a lane, for a pattern subscription."""
    return rf"^opd\.[a-z0-9]+\.{lane}\.v1$"


def opd_of(topic: str) -> str:
    """The OPD code in the name of a department's topic, incoming or outgoing."""
    return topic.split(".")[1].upper()


def channel(name: Channel) -> str:
    """Where a channel may put its reports, instead of sending them by HTTP."""
    return f"channels.{name}.v1"


def department(code: str) -> str:
    """Where a department answers."""
    return f"departments.{code.lower()}.v1"


def dead_letters(service: str, lane: str | None = None) -> str:
    """Where a service puts what it can never process."""
    return f"{service}.{lane}.dlq.v1" if lane else f"{service}.dlq.v1"


def named_by(address: str, opds: Iterable[str]) -> list[str]:
    """The topics that an address stands for: ``{opd}``, ``{lane}`` and ``{channel}`` in it take all their values."""
    known: dict[str, list[str]] = {
        "opd": [code.lower() for code in opds],
        "lane": list(Lane),
        "channel": list(Channel),
    }
    used = [name for name in known if f"{{{name}}}" in address]
    chosen = product(*[known[name] for name in used])
    return [address.format(**dict(zip(used, values, strict=True))) for values in chosen]
