"""The Maven repository that jars are fetched from, whose address the package ``maven-artifact`` knows."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from services.cli.run.embedded_kafka.download_client import download_client
from services.cli.run.embedded_kafka.errors import BrokerError
from services.cli.run.embedded_kafka.jars import LockedJar

if TYPE_CHECKING:
    import requests  # loaded with the client only: no process that stays needs it

CHUNK_BYTES = 1 << 16
CONNECT_TIMEOUT_S = 15
READ_TIMEOUT_S = 60  # between two chunks, not for the whole jar


class MavenRepository:
    """Reads jars by coordinate.

    The downloader of ``maven-artifact`` has no timeout and prints; its resolver and requestor are used without it.
    ``address`` names a mirror instead of the repository that the package knows.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._client: Any = None
        self._downloader: Any = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Load the client; ``read`` works inside only.

        Raises:
            BrokerError: the client is not installed, and cannot be.
        """
        with download_client() as self._client:
            new = self._client.Downloader
            self._downloader = new() if self._address is None else new(base=self._address)
            yield

    def read(self, jar: LockedJar) -> Iterator[bytes]:
        """The jar's bytes, in chunks.

        Raises:
            BrokerError: the repository does not have it, or its certificate cannot be verified.
            OSError: the network failed; trying again may help.
        """
        address = self._downloader.resolver.uri_for_artifact(
            self._client.Artifact(jar.group, jar.artifact, jar.version)
        )
        with self._open(address, jar) as response:
            yield from response.iter_content(CHUNK_BYTES)

    def _open(self, address: str, jar: LockedJar) -> "requests.Response":
        import requests

        choices: tuple[bool | str, ...] = (True, *_trusted_by_the_machine())
        for trusted in choices:
            try:
                return self._request(address, trusted)
            except requests.exceptions.SSLError:
                continue
            except requests.HTTPError as error:
                raise _refusal(address, jar, _status_of_closed(error)) from error
        raise BrokerError(
            f"The certificate of the repository of {jar.coordinate} cannot be verified. Behind a proxy with its own "
            "authority, set REQUESTS_CA_BUNDLE or SSL_CERT_FILE to a PEM file that contains it."
        )

    def _request(self, address: str, trusted: bool | str) -> "requests.Response":  # noqa: FBT001  # requests' own type
        timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        options: dict[str, Any] = {"stream": True, "timeout": timeout, "verify": trusted}
        response: requests.Response = self._downloader.requestor.request(address, None, **options)
        return response


def _trusted_by_the_machine() -> list[str]:
    """Authorities besides those of requests, which reads neither SSL_CERT_FILE nor the system's own."""
    paths = ssl.get_default_verify_paths()
    return [path for path in (paths.cafile, paths.capath) if path and os.access(path, os.R_OK)]


def _status_of_closed(error: "requests.HTTPError") -> int:
    """The status that was answered; the answer's connection is closed, as nobody reads its body."""
    if error.response is None:
        return HTTPStatus.INTERNAL_SERVER_ERROR
    error.response.close()
    return error.response.status_code


def _refusal(address: str, jar: LockedJar, status: int) -> Exception:
    """A 5xx or 429 may be temporary; any other status is final."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return OSError(f"the repository answers {status}")
    return BrokerError(
        f"The repository answers {status} for {jar.coordinate} at {address}; LAKSA_MAVEN_REPOSITORY can name another"
    )
