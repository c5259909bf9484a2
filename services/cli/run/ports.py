"""Which ports a run uses: the usual ones, else those of the last run, else free ones."""

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
    """Choose a port for each process, fixed for the whole run and kept in a file for the next run.

    A port is free when it can be bound now. If another program takes it before the process does, the process ends with
    an error and is started again.
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


def describe_moves(chosen: Mapping[str, int]) -> dict[str, str]:
    """A sentence for each process whose usual port was taken, by the process's name."""
    return {
        name: f"{USUAL[name]} is taken, {name} listens on {port}"
        for name, port in chosen.items()
        if port != USUAL[name]
    }


def _another(taken: set[int]) -> int:
    while (port := choose_port()) in taken:
        pass
    return port
