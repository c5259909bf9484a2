"""Ports are the usual one, that of the last run, or another; never a taken one, and never one twice."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.layout import Layout
from services.cli.run import ports
from services.cli.run.embedded_kafka.ports import choose_port
from services.cli.run.ports import choose_ports, describe_moves


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty data folder."""
    return Layout(tmp_path)


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Usual ports that are free on this machine now."""
    made: dict[str, int] = {}
    for name in ports.USUAL:
        while (port := choose_port()) in made.values():
            pass
        made[name] = port
    monkeypatch.setattr(ports, "USUAL", made)
    return made


@pytest.fixture
def somebody(usual: dict[str, int]) -> Iterator[int]:
    """Another program that listens on the usual port of stats."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", usual["stats"]))
        server.listen()
        yield usual["stats"]


def test_the_usual_ones_where_they_are_free(layout: Layout, usual: dict[str, int]) -> None:
    """If the usual ports are free, the processes use them."""
    assert choose_ports(layout, usual_first=True) == usual
    assert describe_moves(usual) == {}


def test_another_where_the_usual_one_is_taken(layout: Layout, usual: dict[str, int], somebody: int) -> None:
    """If a usual port is taken, only its process gets another port."""
    chosen = choose_ports(layout, usual_first=True)
    assert chosen["stats"] != somebody
    assert {**chosen, "stats": 0} == {**usual, "stats": 0}
    assert describe_moves(chosen) == {"stats": f"{somebody} is taken, stats listens on {chosen['stats']}"}


def test_the_last_ones_are_taken_again(layout: Layout, usual: dict[str, int]) -> None:
    """The next run on the same data folder has the same free ports."""
    first = choose_ports(layout, usual_first=False)
    assert choose_ports(layout, usual_first=False) == first
    assert set(first) == set(usual)


@pytest.mark.usefixtures("somebody")
def test_the_last_one_before_a_new_one(layout: Layout) -> None:
    """While the usual port is taken, the process keeps the port of the last run."""
    assert choose_ports(layout, usual_first=True) == choose_ports(layout, usual_first=True)


def test_no_port_twice(layout: Layout, usual: dict[str, int]) -> None:
    """A port of the last run that another process uses now is not assigned twice."""
    layout.ports.write_text(json.dumps(dict.fromkeys(usual, usual["intake"])), encoding="utf-8")
    for usual_first in (True, False):
        chosen = choose_ports(layout, usual_first=usual_first)
        assert len(set(chosen.values())) == len(usual)


def test_what_cannot_be_remembered_is_chosen_anew(layout: Layout, usual: dict[str, int]) -> None:
    """Invalid entries in the ports file, as of another version, are replaced by new ports."""
    layout.ports.write_text(json.dumps({"stats": "8105", "somebody": 1}), encoding="utf-8")
    assert set(choose_ports(layout, usual_first=False)) == set(usual)
