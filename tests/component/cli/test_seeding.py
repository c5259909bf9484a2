"""Sending the reference data to an unreliable front door: all requests arrive, unchanged."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.cli import front_door
from services.cli.front_door import FrontDoor, Refused
from services.cli.layout import Layout
from services.cli.reference.seeding import AT_ONCE, SeedState, reference_requests, send_reference_data
from shared.domain.lanes import Channel
from tests.support.waiting import eventually

KEYS = {str(name): f"key of {name}" for name in Channel}
ALL = len(reference_requests(datetime.now(UTC)))


def unchanging(_confirmed: int, _total: int) -> None:
    """Ignores the progress."""


def cut(request: web.Request) -> web.Response:
    """Close the connection without a response."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@dataclass
class Intake:
    """A front door on a real socket. ``treat`` decides the response by the numbers of the request and of the try."""

    treat: Callable[[int, int], str] = lambda _number, _tries: "take"
    bodies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)
    wrong_keys: list[str] = field(default_factory=list)
    port: int = 0

    async def take(self, request: web.Request) -> web.Response:
        """Handle one request: accept it, or respond as ``treat`` decides."""
        body = await request.json()
        reference = body["source_reference"]
        if request.headers["X-API-Key"] not in KEYS.values() or (
            (request.path == "/v1/calls") != (request.headers["X-API-Key"] == KEYS["112"])
        ):
            self.wrong_keys.append(reference)
        seen = self.bodies.setdefault(reference, [])
        seen.append(body)
        match self.treat(list(self.bodies).index(reference), len(seen)):
            case "full":
                return web.json_response({"code": "busy"}, status=503, headers={"Retry-After": "0"})
            case "cut":
                return cut(request)
            case "lost":
                self.taken[reference] += 1
                return cut(request)
            case "refuse":
                return web.json_response({"code": "invalid_report"}, status=400)
            case "hang":
                await asyncio.Event().wait()
        self.taken[reference] += 1
        return web.json_response({"report_id": reference}, status=202)

    @asynccontextmanager
    async def door(self) -> AsyncIterator[FrontDoor]:
        """A client of this intake."""
        address = f"http://127.0.0.1:{self.port}"
        async with aiohttp.ClientSession() as session:
            yield FrontDoor(session, services={"intake": address}, api_keys=KEYS)

    async def send_all(self, layout: Layout, progress: Callable[[int, int], None] = unchanging) -> int:
        """Send the missing requests to this intake."""
        async with self.door() as door:
            return await send_reference_data(layout, door, progress)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The body by reference, after a check that all tries had the same body."""
        for tries in self.bodies.values():
            assert all(body == tries[0] for body in tries)
        return [tries[0] for tries in self.bodies.values()]


@pytest.fixture
async def intake() -> AsyncIterator[Intake]:
    """A front door that accepts everything."""
    made = Intake()
    app = web.Application()
    app.add_routes([web.post("/v1/reports", made.take), web.post("/v1/calls", made.take)])
    async with TestServer(app, shutdown_timeout=0) as server:
        made.port = server.port or 0
        yield made


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """An empty data folder, with short pauses."""
    monkeypatch.setattr(front_door, "FIRST_PAUSE", 0.002)
    return Layout(tmp_path)


def by_reference(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorted by reference, independent of the order of arrival."""
    return sorted(bodies, key=lambda body: str(body["source_reference"]))


async def test_everything_is_sent_once_with_its_channels_key(intake: Intake, layout: Layout) -> None:
    """Each request is accepted once, unchanged, with its channel's key; the progress reaches their number."""
    seen: list[tuple[int, int]] = []
    assert await intake.send_all(layout, lambda confirmed, total: seen.append((confirmed, total))) == ALL
    state = SeedState.load(layout)
    assert by_reference(intake.sent) == by_reference([request.body for request in reference_requests(state.now)])
    assert state.confirmed == set(range(ALL))
    assert (set(intake.taken.values()), intake.wrong_keys) == ({1}, [])
    assert (seen[0], seen[-1], seen) == ((0, ALL), (ALL, ALL), sorted(seen))


async def test_a_second_time_nothing_is_sent(intake: Intake, layout: Layout) -> None:
    """The next run finds every request confirmed and sends none."""
    await intake.send_all(layout)
    intake.bodies.clear()
    assert await intake.send_all(layout) == 0
    assert intake.bodies == {}


async def test_a_front_door_that_fails_now_and_then_gets_everything_all_the_same(
    intake: Intake, layout: Layout
) -> None:
    """After a 503 or a closed connection, each request is repeated unchanged until its 202."""
    faults = ["full", "cut", "lost", "take", "take"]
    intake.treat = lambda number, tries: faults[number % len(faults)] if tries <= 1 + number % 2 else "take"
    assert await intake.send_all(layout) == ALL
    assert len(intake.sent) == ALL
    for number, reference in enumerate(intake.bodies):
        fault = faults[number % len(faults)]
        assert len(intake.bodies[reference]) == (1 if fault == "take" else 2 + number % 2)
        assert intake.taken[reference] == (2 + number % 2 if fault == "lost" else 1)
    assert SeedState.load(layout).confirmed == set(range(ALL))


async def test_interrupted_half_way_only_what_is_missing_is_sent(intake: Intake, layout: Layout) -> None:
    """After an interruption, only unconfirmed requests are sent, with the same bodies, until all are there."""
    half = ALL // 2
    intake.treat = lambda number, _tries: "take" if number < half else "hang"
    first = asyncio.create_task(intake.send_all(layout))
    await eventually(lambda: len(intake.bodies) > half)
    first.cancel()
    await asyncio.wait({first})
    assert first.cancelled()
    state = SeedState.load(layout)
    assert half - AT_ONCE <= len(state.confirmed) <= half
    references = [str(request.body["source_reference"]) for request in reference_requests(state.now)]
    tried = {reference: len(bodies) for reference, bodies in intake.bodies.items()}

    intake.treat = lambda _number, _tries: "take"
    assert await intake.send_all(layout) == ALL - len(state.confirmed)
    again = {reference for reference, bodies in intake.bodies.items() if len(bodies) > tried.get(reference, 0)}
    assert again == {references[number] for number in range(ALL) if number not in state.confirmed}
    assert by_reference(intake.sent) == by_reference([request.body for request in reference_requests(state.now)])
    assert SeedState.load(layout) == SeedState(state.now, set(range(ALL)))


async def test_interrupted_before_the_first_answer_the_moment_is_kept(intake: Intake, layout: Layout) -> None:
    """The moment is kept if the first run gets no response; another moment would make other requests."""
    intake.treat = lambda _number, _tries: "hang"
    sending = asyncio.create_task(intake.send_all(layout))
    await eventually(lambda: len(intake.bodies) >= AT_ONCE)
    kept = SeedState.load(layout)
    sending.cancel()
    await asyncio.wait({sending})
    assert layout.seed.exists()
    assert SeedState.load(layout) == kept == SeedState(kept.now, set())


async def test_a_refusal_ends_it_and_the_next_run_goes_on_from_there(intake: Intake, layout: Layout) -> None:
    """A refusal ends the run without a retry, and the next run continues with the unconfirmed requests."""
    intake.treat = lambda number, _tries: "refuse" if number == 100 else "take"
    with pytest.raises(Refused, match="400 invalid_report"):
        await intake.send_all(layout)
    confirmed = SeedState.load(layout).confirmed
    assert 100 - AT_ONCE <= len(confirmed) <= 100
    intake.treat = lambda _number, _tries: "take"
    assert await intake.send_all(layout) == ALL - len(confirmed)
    assert len(intake.sent) == ALL
