"""Reading a body: at most so much of it, for at most so long, and only what is announced as JSON."""

import asyncio
from collections.abc import Mapping

import pytest
from starlette.requests import Request
from starlette.types import Message

from shared.http.bodies import check_is_json, read_body
from shared.http.problems import Problem

KIB = 1024
CLOSE = {"Connection": "close"}


def _request(*messages: Message, headers: Mapping[str, str] | None = None, waits: bool = False) -> Request:
    """A request whose body comes in these messages; then nothing more, where the client ``waits``."""
    coming = iter(messages)

    async def receive() -> Message:
        for message in coming:
            return message
        await asyncio.Event().wait()
        raise AssertionError(waits)

    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": pairs}, receive)


def _piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def _refusal(request: Request, seconds: float = 5.0) -> Problem:
    with pytest.raises(Problem) as caught:
        await read_body(request, most_bytes=KIB, seconds=seconds)
    return caught.value


async def test_a_body_in_pieces_is_put_together() -> None:
    """A chunked body of just the limit is read whole, without a declared length."""
    request = _request(_piece(b"a" * 1000), _piece(b""), _piece(b"b" * 24, more=False))
    assert await read_body(request, most_bytes=KIB, seconds=5) == b"a" * 1000 + b"b" * 24


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    """413 before a byte is read, also for a length with more digits than a number may have."""
    for length in (str(KIB + 1), "9" * 5_000):
        problem = await _refusal(_request(headers={"content-length": length}))
        assert (problem.status, problem.code, problem.headers) == (413, "too_large", CLOSE)
        assert problem.detail == "At most 1 KiB."


async def test_a_false_length_does_not_help() -> None:
    """What comes is counted: 413 as soon as the limit is passed, whatever length was declared."""
    request = _request(_piece(b"x" * KIB), _piece(b"x"), headers={"content-length": "3"})
    assert (await _refusal(request)).status == 413


async def test_a_body_that_drips_is_cut_off() -> None:
    """408 when the time is over, with the connection closed."""
    problem = await _refusal(_request(_piece(b"{"), waits=True), seconds=0.05)
    assert (problem.status, problem.code, problem.headers) == (408, "too_slow", CLOSE)


async def test_a_caller_who_hangs_up_is_no_error_of_ours() -> None:
    """A body that breaks off is 408 incomplete."""
    problem = await _refusal(_request(_piece(b"{"), {"type": "http.disconnect"}))
    assert (problem.status, problem.code, problem.headers) == (408, "incomplete", CLOSE)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_json_in_utf8_is_taken(content_type: str) -> None:
    """JSON in UTF-8 is taken, however its type is written."""
    check_is_json(_request(headers={"content-type": content_type}))
    check_is_json(_request(headers={"content-type": content_type, "content-encoding": "identity"}))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "unsupported_media_type"),
        ({"content-type": "text/plain"}, "unsupported_media_type"),
        ({"content-type": "application/json; charset=latin-1"}, "unsupported_media_type"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, "unsupported_encoding"),
    ],
)
def test_anything_else_is_415(headers: dict[str, str], code: str) -> None:
    """Another media type, another charset or a compressed body is refused before it is read."""
    with pytest.raises(Problem) as caught:
        check_is_json(_request(headers=headers))
    assert (caught.value.status, caught.value.code) == (415, code)
