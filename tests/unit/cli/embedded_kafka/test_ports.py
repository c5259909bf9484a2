"""Ports that a broker can keep."""

import socket
from collections.abc import Iterator

import pytest

from services.cli.run.embedded_kafka.ports import HOST, SEARCHED, choose_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    """A port with a listener."""
    with socket.create_server((HOST, 0)) as server:
        yield int(server.getsockname()[1])


def test_the_wanted_port_is_taken_where_it_is_free() -> None:
    """The requested port is used if it is free, so that addresses stay the same."""
    wanted = choose_port()

    assert choose_port(wanted) == wanted


def test_another_one_is_taken_where_it_is_not(taken: int) -> None:
    """If the requested port is taken, another one is used."""
    assert not is_free(taken)

    chosen = choose_port(taken)

    assert chosen != taken
    assert is_free(chosen)


def test_a_chosen_port_cannot_be_given_to_a_client() -> None:
    """A chosen port is below the ephemeral ports of Linux, so that no client can get Kafka's port."""
    assert all(choose_port() in SEARCHED for _ in range(20))
    assert max(SEARCHED) < 32_768


@pytest.mark.parametrize("wanted", [0, -1, 65_536])
def test_a_number_that_is_no_port_is_never_free(wanted: int) -> None:
    """A number that is no port, such as 0 or 65536, is replaced by a free port."""
    assert choose_port(wanted) in SEARCHED
