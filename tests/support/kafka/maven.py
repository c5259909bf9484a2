"""A Maven repository on the loopback address: real HTTP, files of our choice, and answers that fail when told to."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from services.cli.run.embedded_kafka.jars import LockedJar

CUT_OFF = 0  # instead of a status: half of the file comes, then the connection ends


class MavenServer:
    """Serves ``files`` by path; ``faults`` are the answers to the next requests instead, first to last."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.faults: list[int] = []
        self._guard = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def address(self) -> str:
        """What ``LAKSA_MAVEN_REPOSITORY`` names."""
        return f"http://127.0.0.1:{self._server.server_port}/maven2"

    def publish(self, artifact: str, content: bytes) -> LockedJar:
        """Offer a jar of this content, and return how a lock names it."""
        jar = LockedJar("org.example.city", artifact, "1.0", hashlib.sha256(content).hexdigest(), len(content))
        self.files[self.path_of(jar)] = content
        return jar

    def path_of(self, jar: LockedJar) -> str:
        """Where Maven's layout has a jar."""
        folders = "/".join((*jar.group.split("."), jar.artifact, jar.version))
        return f"/maven2/{folders}/{jar.artifact}-{jar.version}.jar"

    def note(self, path: str) -> int | None:
        """Count a request and return the fault that it meets."""
        with self._guard:
            self.asked.append(path)
            return self.faults.pop(0) if self.faults else None

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on; again does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


@contextmanager
def maven_server() -> Iterator[MavenServer]:
    """One that runs until the block ends."""
    server = MavenServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _handler_of(server: MavenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fault = server.note(self.path)
            content = server.files.get(self.path)
            if fault or content is None:
                self.send_error(fault or HTTPStatus.NOT_FOUND)
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if fault == CUT_OFF else content)

        def log_message(self, *_: object) -> None:
            """Say nothing on stderr."""

    return Handler
