"""Free ports on the loopback address."""

import random
import socket

HOST = "127.0.0.1"
# Below every system's ephemeral range: a client that retries a port of that range while Kafka is down can be given the
# same port as its own end; it then connects to itself, and Kafka cannot bind the port.
SEARCHED = range(20_000, 30_000)
TRIES = 200
PORTS = range(1, 65_536)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now. False for 0, which means any port."""
    if port not in PORTS:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def choose_port(preferred: int | None = None, *, but: int | None = None) -> int:
    """The preferred port if it is free, else another free one, never ``but``.

    Raises:
        OSError: no free port was found.
    """
    if preferred is not None and is_free(preferred):
        return preferred
    for port in random.SystemRandom().sample(SEARCHED, TRIES):
        if port != but and is_free(port):
            return port
    raise OSError(f"no free port between {SEARCHED.start} and {SEARCHED.stop} on {HOST}")
