"""Which ports a run uses: the usual ones, the last run's, or free ones, in this order."""

import json
from collections.abc import Mapping
from types import MappingProxyType

from services.cli.layout import Layout, read_json, write_private
from services.cli.run.embedded_kafka.ports import choose_port, is_free

USUAL: Mapping[str, int] = MappingProxyType(
    {
        "kafka": 9092,
        "intake": 8100,
        "router-emergency": 8101,
        "router-routine": 8102,
        "notifier-emergency": 8103,
        "notifier-routine": 8104,
        "stats": 8105,
        "call-centre": 8106,
        "postgres": 5432,
    }
)


def choose_ports(layout: Layout, *, usual_first: bool) -> dict[str, int]:
    """A port for each process, fixed for the whole run and remembered for the next one.

    A port counts as free when it can be bound now. Another program may still take it before its process does; that
    process then ends with a message and is started again.
    """
    last = read_json(layout.ports)
    chosen: dict[str, int] = {}
    for name, usual in USUAL.items():
        wishes = [usual] if usual_first else []
        if isinstance(last.get(name), int):
            wishes.append(last[name])
        taken = set(chosen.values())
        chosen[name] = next((port for port in wishes if port not in taken and is_free(port)), 0) or _another(taken)
    write_private(layout.ports, json.dumps(chosen, indent=2))
    return chosen


def _another(taken: set[int]) -> int:
    while (port := choose_port()) in taken:
        pass
    return port
