"""One cluster for the tests that end none of its nodes."""

from collections.abc import AsyncIterator

import pytest

from tests.support.clusters import ProtectedKafka, protected_kafka


@pytest.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProtectedKafka]:
    """Three nodes, set up."""
    async with protected_kafka(tmp_path_factory.mktemp("cluster")) as started:
        yield started
