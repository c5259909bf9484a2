"""Fixtures of intake's component tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.apps.intake_app import IntakeApp, intake_app


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[IntakeApp]:
    """The application with an empty spool, without Kafka."""
    async with intake_app(tmp_path) as made:
        yield made
