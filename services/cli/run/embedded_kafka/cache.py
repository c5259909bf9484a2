"""The user's cache of Kafka's jars: fetched once, checked at each start, usable without a network."""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import stamina

from services.cli.run.embedded_kafka.errors import BrokerError, JarMismatchError
from services.cli.run.embedded_kafka.jars import LockedJar
from services.cli.run.embedded_kafka.repository import MavenRepository

PARALLEL_FETCHES = 6  # enough to fill a home connection, few enough for a public repository
ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How much has been fetched; ``line`` is the text for a progress bar."""

    bytes_done: int
    bytes_total: int
    jars_total: int

    @property
    def line(self) -> str:
        """One line for the screen."""
        return f"Fetching Apache Kafka: {self.jars_total} jars, {self.bytes_total / 1e6:.0f} MB, once"


Report = Callable[[FetchProgress], None]


def report_nothing(_: FetchProgress) -> None:
    """For callers that show no progress."""


def cache_folder(environment: Mapping[str, str]) -> Path:
    """``$LAKSA_CACHE_DIR``, else ``$XDG_CACHE_HOME/laksa``, else ``~/.cache/laksa``."""
    if own := environment.get("LAKSA_CACHE_DIR"):
        return Path(own).expanduser().absolute()
    if shared := environment.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser().absolute() / "laksa"
    return Path.home() / ".cache" / "laksa"


class JarCache:
    """Jars below a folder. Several processes may use it at once: one fetches, the others wait."""

    def __init__(self, folder: Path, repository: MavenRepository) -> None:
        self._folder = folder / "jars"
        self._repository = repository

    def provide(self, jars: Sequence[LockedJar], report: Report = report_nothing) -> list[Path]:
        """Return the jars' files, fetching what is missing or damaged; ``report`` may be called from any thread.

        Raises:
            JarMismatchError: a fetched jar is not the locked one; it was removed.
            BrokerError: a jar cannot be fetched, or the cache cannot be written.
        """
        if self._missing(jars):
            with self._only_fetcher(), self._repository.opened():
                self._fetch(self._missing(jars), report)
        return [jar.path_in(self._folder) for jar in jars]

    def _missing(self, jars: Sequence[LockedJar]) -> list[LockedJar]:
        with ThreadPoolExecutor(PARALLEL_FETCHES) as pool:
            there = pool.map(lambda jar: jar.is_at(jar.path_in(self._folder)), jars)
            return [jar for jar, is_there in zip(jars, there, strict=True) if not is_there]

    @contextmanager
    def _only_fetcher(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / "fetch.lock").open("wb")
        except OSError as error:
            raise BrokerError(f"The cache cannot be written: {error}. Set LAKSA_CACHE_DIR to another folder") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel unlocks it, however the holder ends
            yield

    def _fetch(self, jars: Sequence[LockedJar], report: Report) -> None:
        tally = _Tally(jars, report)
        with ThreadPoolExecutor(PARALLEL_FETCHES) as pool:
            futures = [pool.submit(self._fetch_one, jar, tally) for jar in jars]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _fetch_one(self, jar: LockedJar, tally: "_Tally") -> None:
        path = jar.path_in(self._folder)
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        try:
            # no overall timeout: one try may take minutes on a slow line, and READ_TIMEOUT_S ends a stalled one
            for attempt in stamina.retry_context(on=OSError, attempts=ATTEMPTS, timeout=None):
                with attempt:
                    self._write(jar, part, tally)
            part.replace(path)
        except OSError as error:
            raise BrokerError(
                f"{jar.coordinate} could not be fetched: {error}. Check the network (HTTPS_PROXY) and start again; "
                "jars that were fetched are kept"
            ) from error
        finally:
            part.unlink(missing_ok=True)

    def _write(self, jar: LockedJar, part: Path, tally: "_Tally") -> None:
        digest = hashlib.sha256()
        size = 0
        with part.open("wb") as file:
            for chunk in self._repository.read(jar):
                digest.update(chunk)
                size += file.write(chunk)
                tally.count(jar, size)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != jar.sha256:
            raise JarMismatchError(
                f"{jar.coordinate} was fetched with SHA-256 {digest.hexdigest()}, but the lock file says {jar.sha256}. "
                "It was removed. A proxy may have changed it; fetch over another network"
            )


class _Tally:
    """The number of bytes that all threads have written; a jar that is fetched again starts from zero."""

    def __init__(self, jars: Sequence[LockedJar], report: Report) -> None:
        self._done = {jar.coordinate: 0 for jar in jars}
        self._total = sum(jar.size for jar in jars)
        self._report = report
        self._guard = threading.Lock()
        self._tell()

    def count(self, jar: LockedJar, size: int) -> None:
        with self._guard:
            self._done[jar.coordinate] = size
            self._tell()

    def _tell(self) -> None:
        self._report(FetchProgress(sum(self._done.values()), self._total, len(self._done)))
