"""What holds for every test: logs go where pytest captures them, and properties are about truth, not about speed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from tests.support.databases.engines import chosen_postgres
from tests.support.docker_engine import engine_answers
from tests.support.kafka.brokers import describe_kafka
from tests.support.leaks import LeakLog, leak_log, no_leaks
from tests.support.slow import EXPRESSION, describe_slow, mark_slow_folders

# one slow example on a busy machine is no counterexample
hypothesis.settings.register_profile("laksa", deadline=None)
hypothesis.settings.load_profile("laksa")


def pytest_report_header() -> str:
    """One line: on which Kafka and PostgreSQL the tests of this run work, and whether containers were to be had."""
    postgres = chosen_postgres()
    databases = postgres.described if postgres else "no PostgreSQL"
    return f"laksa: {describe_kafka()}; {databases}; {'a' if engine_answers() else 'no'} Docker engine answers"


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whole folders as slow."""
    mark_slow_folders(items, Path(__file__).parent)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """What a run of the slow tests holds."""
    return describe_slow(items) if config.option.markexpr == EXPRESSION else []


@pytest.fixture(scope="session", autouse=True)
def _logs_to_pytest() -> None:
    """Without this, structlog prints to stdout and draws each traceback with all locals, which takes half a second."""
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


@pytest.fixture(scope="session")
def leaks_in_the_log() -> Iterator[LeakLog]:
    """What the loggers of asyncio and aiokafka report as left open, in the whole run."""
    with leak_log() as log:
        yield log


@pytest.fixture(scope="module", autouse=True)
async def _nothing_is_left_open(leaks_in_the_log: LeakLog) -> AsyncIterator[None]:
    """Each module ends with its tasks ended, its child processes gone and everything it opened closed."""
    with no_leaks(leaks_in_the_log):
        yield
