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
    """An empty repository; asked directly, whatever proxy the machine has."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with maven_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _retries_logged_by_logging() -> Iterator[None]:
    """Stamina's hook for structlog names a field ``args``, which the tests' structlog cannot hand on to logging."""
    stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.LoggingOnRetryHook])
    yield
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.fixture
def _no_pauses() -> Iterator[None]:
    """As many tries as ever, but without waiting between them."""
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


@pytest.fixture
def cache(maven: MavenServer, tmp_path: Path) -> JarCache:
    """An empty cache that fetches from it."""
    return JarCache(tmp_path, MavenRepository(maven.address))


def _files(folder: Path) -> set[str]:
    """All files below a folder but the lock of whoever fetches."""
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
    """Our own variable, then the desktop's, then the usual place; an empty variable is none."""
    assert cache_folder(environment) == folder


def test_a_jar_is_fetched_once_and_then_needs_no_network(maven: MavenServer, cache: JarCache) -> None:
    """The second run asks nobody: with the repository gone, the files are there all the same."""
    contents = {"first": BIG, "second": b"small"}
    jars = [maven.publish(artifact, content) for artifact, content in contents.items()]

    paths = cache.provide(jars)

    assert [path.read_bytes() for path in paths] == list(contents.values())
    assert sorted(maven.asked) == sorted(maven.path_of(jar) for jar in jars)
    maven.stop()
    assert cache.provide(jars) == paths


@pytest.mark.usefixtures("_no_pauses")
def test_without_network_the_message_says_what_to_check(maven: MavenServer, cache: JarCache, tmp_path: Path) -> None:
    """Nothing was fetched and nobody answers: which jar, and where to look."""
    jar = maven.publish("tool", b"content")
    maven.stop()

    with pytest.raises(BrokerError, match=r"org\.example\.city:tool:1\.0 could not be fetched: .*HTTPS_PROXY"):
        cache.provide([jar])

    assert _files(tmp_path) == set()


def test_a_jar_of_another_sha256_is_refused_and_removed(maven: MavenServer, cache: JarCache, tmp_path: Path) -> None:
    """It is asked for once, for the next try would bring the same, and no byte of it stays."""
    jar = maven.publish("tool", b"what was locked")
    maven.files[maven.path_of(jar)] = b"what somebody made of it"

    with pytest.raises(JarMismatchError, match=rf"org\.example\.city:tool:1\.0 .*the lock file says {jar.sha256}"):
        cache.provide([jar])

    assert len(maven.asked) == 1
    assert _files(tmp_path) == set()


@pytest.mark.parametrize("damaged", [b"", b"contenT"])
def test_a_damaged_jar_is_fetched_again(maven: MavenServer, cache: JarCache, damaged: bytes) -> None:
    """Empty after a power cut or changed in one bit: only that one is fetched, and it is whole again."""
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
    """A repository that is busy, or a connection that breaks halfway, costs a try and not the start."""
    jar = maven.publish("tool", BIG)
    maven.faults = [fault, fault]

    (path,) = cache.provide([jar])

    assert path.read_bytes() == BIG
    assert len(maven.asked) == 3


@pytest.mark.usefixtures("_no_pauses")
@pytest.mark.parametrize("fault", [503, CUT_OFF], ids=["503", "cut off"])
def test_what_does_not_pass_is_given_up(maven: MavenServer, cache: JarCache, tmp_path: Path, fault: int) -> None:
    """Tries are bounded, nothing half-written remains, and what the others fetched is kept."""
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
    """Tries are counted, not minutes: over a slow connection one try may last longer than any fixed time."""
    jar = maven.publish("tool", b"content")
    maven.faults = [503]
    minutes = itertools.count(step=60.0)
    monkeypatch.setattr("tenacity.time", SimpleNamespace(monotonic=lambda: next(minutes)))

    (path,) = cache.provide([jar])

    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("status", [404, 403])
def test_a_refusal_that_stays_is_said_at_once(maven: MavenServer, cache: JarCache, tmp_path: Path, status: int) -> None:
    """A mirror without this jar, or one that wants a password: status, jar, address, and the variable to change."""
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
    """It starts at nothing, ends at everything, and a jar that is tried again is not counted twice."""
    jars = [maven.publish(f"tool-{number}", BIG + bytes([number])) for number in range(5)]
    maven.faults = [CUT_OFF]
    told: list[FetchProgress] = []

    cache.provide(jars, told.append)

    total = sum(jar.size for jar in jars)
    assert told[0] == FetchProgress(0, total, 5)
    assert told[-1] == FetchProgress(total, total, 5)
    assert all(0 <= progress.bytes_done <= total for progress in told)


def test_nothing_is_told_when_nothing_is_fetched(maven: MavenServer, cache: JarCache) -> None:
    """The second start shows no bar."""
    jar = maven.publish("tool", b"content")
    cache.provide([jar])
    told: list[FetchProgress] = []

    cache.provide([jar], told.append)

    assert told == []


def test_without_a_terminal_the_bar_is_one_line() -> None:
    """A log gets a sentence, not a drawing, however often it is told."""
    screen = StringIO()

    with fetch_bar(Console(file=screen, width=80)) as report:
        for done in (0, 1_000_000, 43_000_000):
            report(FetchProgress(done, 43_000_000, 39))

    assert screen.getvalue() == "Fetching Apache Kafka: 39 jars, 43 MB, once\n"


def test_two_at_once_fetch_each_jar_once(maven: MavenServer, tmp_path: Path) -> None:
    """Two first starts beside each other: one fetches, the other waits, and both have everything."""
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
    """A file stands where the folder should be: no traceback, but what to set."""
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")
    jar = maven.publish("tool", b"content")

    with pytest.raises(BrokerError, match=r"The cache cannot be written: .* Set LAKSA_CACHE_DIR to another folder"):
        JarCache(in_the_way, MavenRepository(maven.address)).provide([jar])


def test_kafka_is_fetched_from_the_repository_that_the_environment_names(maven: MavenServer, tmp_path: Path) -> None:
    """LAKSA_MAVEN_REPOSITORY and LAKSA_CACHE_DIR reach the cache, and a failed start holds no lock on the data."""
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
