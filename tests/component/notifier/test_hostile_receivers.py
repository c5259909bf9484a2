"""A faulty or hostile receiver can only make a push fail within its deadline (N8)."""

import time
from dataclasses import replace

import pytest

from services.notifier.schedule import EMERGENCY, PushResult
from services.notifier.webhook import WebhookChannel, webhook_session
from tests.support.receivers import (
    MANY_BYTES,
    Behaviour,
    Flood,
    answer,
    drip,
    garbage,
    hang,
    receiver,
    reset,
    unused_port,
)

QUICK = replace(EMERGENCY, connect_seconds=0.3, exchange_seconds=0.6)


async def push_to(url: str) -> PushResult:
    """Push a small body under the emergency policy."""
    async with webhook_session() as session:
        return await WebhookChannel(session).push(url, {"webhook-id": "1"}, b"{}", QUICK)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        pytest.param(hang, "timeout", id="hangs"),
        pytest.param(drip, "timeout", id="drips its body"),
        pytest.param(reset, "connection_lost", id="resets"),
        pytest.param(garbage, "bad_answer", id="talks no HTTP"),
    ],
)
async def test_a_bad_receiver_fails_in_time(behaviour: Behaviour, error: str) -> None:
    """The exchange ends by its deadline with a failure code."""
    async with receiver(behaviour) as department:
        started = time.monotonic()
        result = await push_to(department.url)
    assert result.failure == error
    assert not result.accepted
    assert time.monotonic() - started < 2.0


async def test_a_closed_port_fails_at_once() -> None:
    """A refused connection is a failure with a code."""
    assert (await push_to(f"http://127.0.0.1:{unused_port()}/")).failure == "not_connected"


async def test_an_unknown_host_fails() -> None:
    """A name that does not resolve is a failure with a code, never an exception."""
    assert (await push_to("https://does-not-exist.invalid/")).failure in {"name_not_found", "timeout"}


async def test_an_endless_body_is_cut() -> None:
    """Only the start of an endless response is read; the status counts and the connection is closed."""
    flood = Flood()
    async with receiver(flood) as department:
        result = await push_to(department.url)
    assert result.accepted
    assert flood.sent < MANY_BYTES / 4  # limited by the sockets' buffers


async def test_a_redirect_is_an_answer() -> None:
    """A 307 is not followed."""
    async with receiver() as elsewhere, receiver(answer(307, {"Location": elsewhere.url})) as department:
        result = await push_to(department.url)
    assert (result.status_code, result.failure) == (307, "http_307")
    assert elsewhere.pushes == []


async def test_retry_after_is_handed_on() -> None:
    """The result contains the Retry-After header."""
    async with receiver(answer(429, {"Retry-After": "7"})) as department:
        assert (await push_to(department.url)).retry_after == "7"


async def test_a_web_page_with_200_is_accepted() -> None:
    """A 2xx is accepted with any body."""
    async with receiver(answer(200, body=b"<html>ok</html>")) as department:
        assert (await push_to(department.url)).accepted


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy settings of the environment are ignored."""
    async with receiver() as proxy, receiver() as department:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert (await push_to(department.url)).accepted
    assert proxy.pushes == []
    assert len(department.pushes) == 1
