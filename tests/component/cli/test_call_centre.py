"""The demo call centre over HTTP: it checks signatures, and simulates faults for some deliveries."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestServer

from services.cli.demo import call_centre
from services.cli.demo.call_centre import Mood, make_app, mood_of, read_secrets, signed_headers
from services.cli.keys import demo_endpoints, load_secrets, write_configuration
from services.cli.layout import Layout
from services.cli.settings import CallCentreSettings
from tests.support.receivers import Push, Receiver, answer, receiver, reset

ENDPOINT, OTHER = "bpbd-callcentre", "satpolpp-callcentre"
LANES = ("emergency", "routine")


def delivery_ids() -> Iterator[str]:
    """Delivery ids as the notifier makes them, equal in each run."""
    return (str(UUID(int=number)) for number in range(10_000))


def in_mood(mood: Mood, lane: str, number: int = 0) -> str:
    """The n-th delivery with this mood."""
    return [delivery for delivery in delivery_ids() if mood_of(delivery, lane) is mood][number]


@dataclass
class Served:
    """The call centre, its secrets, and a receiver in place of the notifier."""

    url: str
    secrets: dict[str, str]
    session: aiohttp.ClientSession
    notifier: Receiver

    async def push(
        self, delivery: str, lane: str = "routine", *, to: str = ENDPOINT, headers: dict[str, str] | None = None
    ) -> int:
        """Push a delivery, signed for its endpoint unless other headers are given; returns the status."""
        body = orjson.dumps({"type": "report", "ack_url": f"{self.notifier.url}/{delivery}", "data": {"lane": lane}})
        if headers is None:
            headers = signed_headers(self.secrets[ENDPOINT], delivery, body)
        async with self.session.post(f"{self.url}/push/{to}", data=body, headers=headers) as response:
            return response.status

    async def acknowledged(self, count: int) -> list[Push]:
        """Wait for this number of callbacks."""
        return await self.notifier.wait_for_pushes(count)


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """The real application on a socket, with the endpoints file that `laksa run` writes."""
    monkeypatch.setattr(call_centre, "FIRST_PAUSE", 0.005)
    monkeypatch.setattr(call_centre, "ACK_TRIES", 3)
    layout = Layout(tmp_path)
    write_configuration(layout, load_secrets(layout), "http://127.0.0.1:1")
    app = make_app(CallCentreSettings(endpoints_file=layout.endpoints))
    async with TestServer(app) as server, receiver() as notifier, aiohttp.ClientSession() as session:
        yield Served(str(server.make_url("")).rstrip("/"), read_secrets(layout.endpoints), session, notifier)


async def test_a_push_is_acknowledged_with_a_signature_that_its_endpoint_owns(served: Served) -> None:
    """The callback goes to the push's ack_url, signed with the endpoint's secret, with the delivery's id and a name."""
    delivery = in_mood(Mood.ACKNOWLEDGES, "routine")
    assert await served.push(delivery) == 204
    (callback,) = await served.acknowledged(1)
    callback.verify(served.secrets[ENDPOINT])
    assert (callback.id, callback.path, callback.json) == (delivery, f"/push/{delivery}", {"by": f"petugas {ENDPOINT}"})


async def test_without_a_good_signature_it_is_a_401_and_nothing_else(served: Served) -> None:
    """A push with no signature, a signature for another endpoint or body, or to an unknown endpoint gets a 401."""
    delivery = in_mood(Mood.ACKNOWLEDGES, "routine")
    forged = [
        {},
        {"webhook-id": delivery, "webhook-timestamp": "now", "webhook-signature": "v1,"},
        signed_headers(served.secrets[ENDPOINT], delivery, b"another body"),
        signed_headers(served.secrets["bpbd-drill"], delivery, b"{}"),
    ]
    assert [await served.push(delivery, headers=headers) for headers in forged] == [401] * 4
    assert [await served.push(delivery, to=name) for name in ("bpbd-drill", "nobody")] == [401] * 2
    assert await served.push(delivery) == 204
    assert len(await served.acknowledged(1)) == 1


@pytest.mark.parametrize(
    ("mood", "lane", "answers"),
    [
        (Mood.OUT_OF_ORDER, "routine", [503, 503, 204]),
        (Mood.OUT_OF_ORDER, "emergency", [503, 503, 204]),
        (Mood.SLOW, "emergency", [204, 204, 204]),
    ],
)
async def test_who_is_out_of_order_or_slow_acknowledges_at_the_third_push(
    served: Served, mood: Mood, lane: str, answers: list[int]
) -> None:
    """A delivery in the moods "out of order" and "slow" is acknowledged once, at the third push."""
    delivery = in_mood(mood, lane)
    assert [await served.push(delivery, lane) for _ in range(2)] == answers[:2]
    assert served.notifier.pushes == []
    assert await served.push(delivery, lane) == answers[2]
    assert [callback.id for callback in await served.acknowledged(1)] == [delivery]


async def test_one_that_never_acknowledges_takes_each_push(served: Served) -> None:
    """A delivery that is never acknowledged gets a 204 for each push and no callback."""
    delivery, other = in_mood(Mood.NEVER, "routine"), in_mood(Mood.ACKNOWLEDGES, "routine")
    assert [await served.push(delivery) for _ in range(4)] == [204] * 4
    await served.push(other)
    assert [callback.id for callback in await served.acknowledged(1)] == [other]


async def test_a_notifier_that_is_away_is_called_again(served: Served) -> None:
    """After a closed connection or a 503, the acknowledgement is repeated until it is accepted."""
    served.notifier.behaviours = [reset, answer(503), answer(200)]
    delivery, other = (in_mood(Mood.ACKNOWLEDGES, "routine", number) for number in (0, 1))
    await served.push(delivery)
    await served.acknowledged(3)
    await served.push(other)
    assert [callback.id for callback in await served.acknowledged(4)] == [delivery] * 3 + [other]


async def test_a_refused_acknowledgement_is_final(served: Served) -> None:
    """After a 404 or 410, the acknowledgement is not repeated."""
    served.notifier.behaviours = [answer(410)]
    delivery, other = (in_mood(Mood.ACKNOWLEDGES, "routine", number) for number in (0, 1))
    await served.push(delivery)
    await served.acknowledged(1)
    await served.push(other)
    assert [callback.id for callback in await served.acknowledged(2)] == [delivery, other]


async def test_it_says_that_it_is_ready(served: Served) -> None:
    """The call centre answers the supervisor's readiness request."""
    for path in ("/health/ready", "/health/live"):
        async with served.session.get(served.url + path) as response:
            assert response.status == 200


@pytest.mark.parametrize("lane", LANES)
def test_a_mood_depends_on_the_delivery_alone(lane: str) -> None:
    """The same delivery always has the same mood."""
    ids = list(delivery_ids())[:200]
    assert [mood_of(delivery, lane) for delivery in ids] == [mood_of(delivery, lane) for delivery in ids]


def test_most_are_acknowledged_and_every_state_is_seen() -> None:
    """Most deliveries are acknowledged, about one in ten has each other mood, and every emergency is acknowledged."""
    count = 10_000
    for lane, other in (("routine", Mood.NEVER), ("emergency", Mood.SLOW)):
        moods = Counter(mood_of(delivery, lane) for delivery in delivery_ids())
        assert set(moods) == {Mood.ACKNOWLEDGES, Mood.OUT_OF_ORDER, other}
        assert moods[Mood.ACKNOWLEDGES] > 0.75 * count
        assert min(moods.values()) > 0.07 * count


async def test_it_has_the_secret_of_every_endpoint_that_is_pushed(served: Served) -> None:
    """The call centre has the secret of every webhook endpoint in the notifiers' file."""
    assert {endpoint.id for endpoint in demo_endpoints() if endpoint.kind == "webhook"} <= set(served.secrets)
