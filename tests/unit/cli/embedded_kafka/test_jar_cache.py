"""The cache of Kafka's jars, against a Maven repository that answers over a real socket."""

import itertools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import stamina.instrumentation
from rich.console import Console

from services.cli.run.embedded_kafka.cache import ATTEMPTS, FetchProgress, JarCache, cache_folder
from services.cli.run.embedded_kafka.embedded import EmbeddedKafka
from services.cli.run.embedded_kafka.errors import BrokerError, JarMismatchError
from services.cli.run.embedded_kafka.jars import read_lock
from services.cli.run.embedded_kafka.progress import fetch_bar
from services.cli.run.embedded_kafka.repository import MavenRepository
from tests.support.kafka.maven import CUT_OFF, MavenServer, maven_server

BIG = bytes(range(256)) * 1_000  # several chunks


@pytest.fixture
def maven(monkeypatch: pytest.MonkeyPatch) -> Iterator[MavenServer]:
    """An empty repository, accessed without a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with maven_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _retries_logged_by_logging() -> Iterator[None]:
    """Stamina's hook for structlog has a field ``args``, which the tests' structlog cannot pass to logging."""
    stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.LoggingOnRetryHook])
    yield
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.fixture
def _no_pauses() -> Iterator[None]:
    """Remove the pauses between tries, but not the tries."""
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


@pytest.fixture
def cache(maven: MavenServer, tmp_path: Path) -> JarCache:
    """An empty cache that fetches from this repository."""
    return JarCache(tmp_path, MavenRepository(maven.address))


def _files(folder: Path) -> set[str]:
    """All files below a folder except the fetch lock."""
    return {file.name for file in folder.rglob("*") if file.is_file() and file.name != "fetch.lock"}


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"LAKSA_CACHE_DIR": "/own", "XDG_CACHE_HOME": "/xdg"}, Path("/own")),
        ({"LAKSA_CACHE_DIR": "", "XDG_CACHE_HOME": "/xdg"}, Path("/xdg/laksa")),
        ({"XDG_CACHE_HOME": ""}, Path.home() / ".cache" / "laksa"),
        ({}, Path.home() / ".cache" / "laksa"),
        ({"LAKSA_CACHE_DIR": "~/jars"}, Path.home() / "jars"),
        ({"LAKSA_CACHE_DIR": "jars"}, Path.cwd() / "jars"),
    ],
)
def test_where_the_cache_is(environment: dict[str, str], folder: Path) -> None:
    """The cache folder is that of LAKSA_CACHE_DIR, of XDG_CACHE_HOME, or the default; empty variables are ignored."""
    assert cache_folder(environment) == folder


def test_a_jar_is_fetched_once_and_then_needs_no_network(maven: MavenServer, cache: JarCache) -> None:
    """A jar is fetched once, so a second run works without the repository."""
    contents = {"first": BIG, "second": b"small"}
    jars = [maven.publish(artifact, content) for artifact, content in contents.items()]

    paths = cache.provide(jars)

    assert [path.read_bytes() for path in paths] == list(contents.values())
    assert sorted(maven.asked) == sorted(maven.path_of(jar) for jar in jars)
    maven.stop()
    assert cache.provide(jars) == paths


@pytest.mark.usefixtures("_no_pauses")
def test_without_network_the_message_says_what_to_check(maven: MavenServer, cache: JarCache, tmp_path: Path) -> None:
    """Without a network, the error names the jar and the settings to check."""
    jar = maven.publish("tool", b"content")
    maven.stop()

    with pytest.raises(BrokerError, match=r"org\.example\.city:tool:1\.0 could not be fetched: .*HTTPS_PROXY"):
        cache.provide([jar])

    assert _files(tmp_path) == set()


def test_a_jar_of_another_sha256_is_refused_and_removed(maven: MavenServer, cache: JarCache, tmp_path: Path) -> None:
    """A jar with another SHA-256 is refused without a retry and removed."""
    jar = maven.publish("tool", b"what was locked")
    maven.files[maven.path_of(jar)] = b"what somebody made of it"

    with pytest.raises(JarMismatchError, match=rf"org\.example\.city:tool:1\.0 .*the lock file says {jar.sha256}"):
        cache.provide([jar])

    assert len(maven.asked) == 1
    assert _files(tmp_path) == set()


@pytest.mark.parametrize("damaged", [b"", b"contenT"])
def test_a_damaged_jar_is_fetched_again(maven: MavenServer, cache: JarCache, damaged: bytes) -> None:
    """An empty or changed jar is fetched again, and only that one."""
    jar, other = maven.publish("tool", b"content"), maven.publish("other", b"other")
    path, _ = cache.provide([jar, other])
    path.write_bytes(damaged)
    maven.asked.clear()

    cache.provide([jar, other])

    assert path.read_bytes() == b"content"
    assert maven.asked == [maven.path_of(jar)]


@pytest.mark.usefixtures("_no_pauses")
@pytest.mark.parametrize("fault", [503, 429, CUT_OFF], ids=["503", "429", "cut off"])
def test_what_may_pass_is_tried_again(maven: MavenServer, cache: JarCache, fault: int) -> None:
    """Transient faults, such as a busy repository or a broken connection, are retried."""
    jar = maven.publish("tool", BIG)
    maven.faults = [fault, fault]

    (path,) = cache.provide([jar])

    assert path.read_bytes() == BIG
    assert len(maven.asked) == 3


@pytest.mark.usefixtures("_no_pauses")
@pytest.mark.parametrize("fault", [503, CUT_OFF], ids=["503", "cut off"])
def test_what_does_not_pass_is_given_up(maven: MavenServer, cache: JarCache, tmp_path: Path, fault: int) -> None:
    """After the last try the cache has no partial file, and keeps the jars that were fetched."""
    good = maven.publish("good", b"good")
    cache.provide([good])
    bad = maven.publish("bad", BIG)
    maven.faults = [fault] * 10
    maven.asked.clear()

    with pytest.raises(BrokerError, match=r"bad:1\.0 could not be fetched"):
        cache.provide([good, bad])

    assert len(maven.asked) == ATTEMPTS
    assert _files(tmp_path) == {"good-1.0.jar"}


def test_a_slow_first_try_is_no_reason_to_give_up(
    maven: MavenServer, cache: JarCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is a number of tries and not a time, so one slow try does not end the fetch."""
    jar = maven.publish("tool", b"content")
    maven.faults = [503]
    minutes = itertools.count(step=60.0)
    monkeypatch.setattr("tenacity.time", SimpleNamespace(monotonic=lambda: next(minutes)))

    (path,) = cache.provide([jar])

    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("status", [404, 403])
def test_a_refusal_that_stays_is_said_at_once(maven: MavenServer, cache: JarCache, tmp_path: Path, status: int) -> None:
    """A permanent refusal fails at once with the status, the jar, the address and the variable to change."""
    jar = maven.publish("tool", b"content")
    maven.faults = [status]

    with pytest.raises(BrokerError) as caught:
        cache.provide([jar])

    assert str(caught.value) == (
        f"The repository answers {status} for org.example.city:tool:1.0 at {maven.address}/org/example/city/tool/1.0/"
        "tool-1.0.jar; LAKSA_MAVEN_REPOSITORY can name another"
    )
    assert len(maven.asked) == 1
    assert _files(tmp_path) == set()


@pytest.mark.usefixtures("_no_pauses")
def test_the_progress_adds_up(maven: MavenServer, cache: JarCache) -> None:
    """The progress goes from 0 to the total, and a retried jar is not counted twice."""
    jars = [maven.publish(f"tool-{number}", BIG + bytes([number])) for number in range(5)]
    maven.faults = [CUT_OFF]
    reported: list[FetchProgress] = []

    cache.provide(jars, reported.append)

    total = sum(jar.size for jar in jars)
    assert reported[0] == FetchProgress(0, total, 5)
    assert reported[-1] == FetchProgress(total, total, 5)
    assert all(0 <= progress.bytes_done <= total for progress in reported)


def test_nothing_is_told_when_nothing_is_fetched(maven: MavenServer, cache: JarCache) -> None:
    """Without anything to fetch, no progress is reported."""
    jar = maven.publish("tool", b"content")
    cache.provide([jar])
    reported: list[FetchProgress] = []
    cache.provide([jar], reported.append)

    assert reported == []


def test_without_a_terminal_the_bar_is_one_line() -> None:
    """Without a terminal, the progress bar prints a single line."""
    screen = StringIO()

    with fetch_bar(Console(file=screen, width=80)) as report:
        for done in (0, 1_000_000, 43_000_000):
            report(FetchProgress(done, 43_000_000, 39))

    assert screen.getvalue() == "Fetching Apache Kafka: 39 jars, 43 MB, once\n"


def test_two_at_once_fetch_each_jar_once(maven: MavenServer, tmp_path: Path) -> None:
    """Of two concurrent fetches, one fetches each jar, the other waits, and both get all jars."""
    jars = [maven.publish(f"tool-{number}", BIG + bytes([number])) for number in range(3)]
    together = threading.Barrier(2)

    def provide(_: int) -> list[Path]:
        cache = JarCache(tmp_path, MavenRepository(maven.address))
        together.wait(10)
        return cache.provide(jars)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(provide, range(2))

    assert first == second
    assert all(jar.is_at(path) for jar, path in zip(jars, first, strict=True))
    assert len(maven.asked) == len(jars)


def test_a_cache_that_cannot_be_there_is_said_with_the_variable_to_change(maven: MavenServer, tmp_path: Path) -> None:
    """If the cache folder cannot be created, the error names the variable to change."""
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")
    jar = maven.publish("tool", b"content")

    with pytest.raises(BrokerError, match=r"The cache cannot be written: .* Set LAKSA_CACHE_DIR to another folder"):
        JarCache(in_the_way, MavenRepository(maven.address)).provide([jar])


def test_kafka_is_fetched_from_the_repository_that_the_environment_names(maven: MavenServer, tmp_path: Path) -> None:
    """LAKSA_MAVEN_REPOSITORY and LAKSA_CACHE_DIR take effect, and a failed start releases the data lock."""
    variables = {
        "PATH": os.environ["PATH"],
        "LAKSA_MAVEN_REPOSITORY": maven.address,
        "LAKSA_CACHE_DIR": str(tmp_path / "cache"),
    }

    for _ in range(2):
        with pytest.raises(BrokerError, match=r"answers 404 for .*LAKSA_MAVEN_REPOSITORY"):
            EmbeddedKafka(tmp_path / "var", variables=variables).prepare()

    assert set(maven.asked) <= {maven.path_of(jar) for jar in read_lock()}
    assert (tmp_path / "cache" / "jars").is_dir()
    assert not (tmp_path / "var" / "kafka" / "data").exists()
