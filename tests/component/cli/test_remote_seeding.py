"""``laksa seed``: its requests, and its report on the resulting table."""

import io
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from services.cli.front_door import Refused
from services.cli.reference import table_wait
from services.cli.reference.remote_seeding import seed
from shared.domain.lanes import Channel
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.errors import ConfigurationError, LaksaError

KEYS = {str(name): f"key of {name}" for name in Channel}
PUBLISHED = {
    "rows": [{"key": key, "label": key, "count": count} for key, count in CALLS_112_TANGERANG_2024.parts.items()],
    "total": CALLS_112_TANGERANG_2024.total,
}
WRONG = {**PUBLISHED, "total": 375}


@asynccontextmanager
async def pipeline(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, table: dict[str, Any] | None, status: int = 202
) -> AsyncIterator[Counter[str]]:
    """An intake with this status and a stats with this table; yields the requests by path."""
    sent: Counter[str] = Counter()

    async def take(request: web.Request) -> web.Response:
        assert request.headers["X-API-Key"] in KEYS.values()
        sent[request.path] += 1
        return web.json_response({}, status=status)

    async def count(_request: web.Request) -> web.Response:
        return web.json_response(table or {}, status=200 if table else 503)

    app = web.Application()
    app.add_routes([web.post("/v1/{kind}", take), web.get("/v1/stats/112", count)])
    (folder / "keys.json").write_text(json.dumps({"api_keys": KEYS, "endpoints": {}}), encoding="utf-8")
    async with TestServer(app, host="127.0.0.1") as server:
        monkeypatch.setenv("LAKSA_INTAKE_URL", str(server.make_url("")))  # a trailing slash is accepted
        monkeypatch.setenv("LAKSA_STATS_URL", str(server.make_url("")))
        monkeypatch.setenv("LAKSA_API_KEYS_FILE", str(folder / "keys.json"))
        monkeypatch.setenv("LAKSA_VAR_DIR", str(folder))
        yield sent


async def test_it_sends_once_and_shows_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is 0 if the table is the published one; a second run sends nothing."""
    output = io.StringIO()
    async with pipeline(monkeypatch, tmp_path, table=PUBLISHED) as sent:
        assert await seed(Console(file=output)) == 0
        first = dict(sent)
        assert await seed(Console(file=output)) == 0
        assert dict(sent) == first
    assert sent["/v1/calls"] >= 376
    assert sent["/v1/reports"] > 0
    assert "376" in output.getvalue()
    assert "0 requests sent now" in output.getvalue()


async def test_another_table_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another table gives 1 and a line with the difference."""
    monkeypatch.setattr(table_wait, "TABLE_SECONDS", 0.2)
    output = io.StringIO()
    async with pipeline(monkeypatch, tmp_path, table=WRONG):
        assert await seed(Console(file=output, width=200)) == 1
    assert "total: stats says 375, published is 376" in output.getvalue()


async def test_a_stats_that_never_answers_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If stats does not answer, the error names its setting."""
    monkeypatch.setattr(table_wait, "TABLE_SECONDS", 0.2)
    async with pipeline(monkeypatch, tmp_path, table=None):
        with pytest.raises(LaksaError, match="LAKSA_STATS_URL"):
            await seed(Console(file=io.StringIO()))


async def test_a_refusal_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal ends the command without a retry."""
    async with pipeline(monkeypatch, tmp_path, table=PUBLISHED, status=403):
        with pytest.raises(Refused):
            await seed(Console(file=io.StringIO()))


async def test_it_says_which_settings_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names all missing settings."""
    for name in ("LAKSA_INTAKE_URL", "LAKSA_STATS_URL", "LAKSA_API_KEYS_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="LAKSA_INTAKE_URL, LAKSA_STATS_URL, LAKSA_API_KEYS_FILE"):
        await seed(Console(file=io.StringIO()))


async def test_a_file_without_keys_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without keys is an error, and nothing is sent."""
    async with pipeline(monkeypatch, tmp_path, table=PUBLISHED) as sent:
        (tmp_path / "keys.json").write_text("{}", encoding="utf-8")
        with pytest.raises(ConfigurationError, match="LAKSA_API_KEYS_FILE"):
            await seed(Console(file=io.StringIO()))
    assert not sent
