"""Whether a Docker engine answers on this machine. That its client program is there means nothing."""

import functools
import gc
import warnings
from collections.abc import Mapping

import docker  # type: ignore[import-untyped]  # it ships no types
from docker.errors import DockerException  # type: ignore[import-untyped]  # as above

WAIT_SECONDS = 2


@functools.cache
def engine_answers() -> bool:
    """Asked once in a run: starting containers without an engine would cost each test its own wait."""
    return ask_engine()


def ask_engine(variables: Mapping[str, str] | None = None) -> bool:
    """Ask the engine that ``DOCKER_HOST`` names, else the one at the usual socket.

    The docker package leaves the socket of a failed connection open; it is collected here, without its warning.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        answers = _ping(variables)
        gc.collect()
    return answers


def _ping(variables: Mapping[str, str] | None) -> bool:
    try:
        client = docker.from_env(timeout=WAIT_SECONDS, environment=variables)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()
