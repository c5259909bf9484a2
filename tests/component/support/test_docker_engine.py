"""The check for a Docker engine, with a server that behaves like one and with others."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.docker_engine import ask_engine


class _Engine(BaseHTTPRequestHandler):
    """Answers the first requests of a Docker client."""

    ping_status = HTTPStatus.OK

    def do_GET(self) -> None:
        """``/version``, ``/_ping``."""
        is_ping = self.path.endswith("/_ping")
        body = b"OK" if is_ping else b'{"ApiVersion": "1.50", "MinAPIVersion": "1.24"}'
        self.send_response(self.ping_status if is_ping else HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain" if is_ping else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """Return a fixed text, because a unix socket's client has no address."""
        return "local"

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Broken(_Engine):
    """An engine that answers with errors."""

    ping_status = HTTPStatus.INTERNAL_SERVER_ERROR


@contextmanager
def _listening(socket: Path, handler: type[BaseHTTPRequestHandler]) -> Iterator[dict[str, str]]:
    with socketserver.ThreadingUnixStreamServer(str(socket), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield {"DOCKER_HOST": f"unix://{socket}"}
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """The path of the engine's socket."""
    return tmp_path / "engine.sock"


def test_an_engine_that_answers_is_found(socket: Path) -> None:
    """An engine at the address in DOCKER_HOST is found."""
    with _listening(socket, _Engine) as variables:
        assert ask_engine(variables)


def test_an_engine_in_trouble_is_none(socket: Path) -> None:
    """An engine that answers with an error counts as missing."""
    with _listening(socket, _Broken) as variables:
        assert not ask_engine(variables)


def test_without_an_engine_there_is_none(socket: Path) -> None:
    """A missing socket, a socket without a listener and an invalid address mean no engine, without an error."""
    assert not ask_engine({"DOCKER_HOST": f"unix://{socket}"})
    with _listening(socket, _Engine):
        pass
    assert not ask_engine({"DOCKER_HOST": f"unix://{socket}"})
    assert not ask_engine({"DOCKER_HOST": "tcp://127.0.0.1:1"})
    assert not ask_engine({"DOCKER_HOST": "nonsense"})
