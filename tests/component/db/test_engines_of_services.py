"""The database connections of a service end with it, however it ends."""

import threading
from pathlib import Path

import pytest
from starlette.applications import Starlette

from tests.support.apps.all_services import build_service
from tests.support.waiting import eventually


@pytest.mark.parametrize("name", ["notifier", "stats"])
async def test_a_service_that_ends_with_an_error_closes_its_database(name: str, tmp_path: Path) -> None:
    """Each open connection to SQLite has a thread; none is left."""
    before = threading.active_count()
    app = build_service(name, tmp_path)
    with pytest.raises(RuntimeError, match="a fault"):
        await _end_with_an_error(app, before)
    await eventually(lambda: threading.active_count() <= before)


async def _end_with_an_error(app: Starlette, threads: int) -> None:
    async with app.router.lifespan_context(app):
        await eventually(lambda: threading.active_count() > threads)
        raise RuntimeError("a fault")
