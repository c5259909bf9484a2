"""Who is shown a page, and what it says."""

from typing import Any

import pytest
from starlette.requests import Request

from shared.http.pages import notice_of, plain_page, wants_page

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def _request(accept: str | None, method: str = "GET") -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    scope: dict[str, Any] = {"type": "http", "method": method, "path": "/", "headers": headers}
    return Request(scope)


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "TEXT/HTML",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",  # Firefox, Chrome, Safari
        "application/xhtml+xml, */*;q=0.1",
        "application/json;q=0.5, text/html;q=0.6",
        "text/html;level=1;q=0.9, */*;q=0.8",
    ],
)
def test_who_asks_for_html_first_wants_a_page(accept: str) -> None:
    """A browser that opens an address is recognised by its Accept header."""
    assert wants_page(_request(accept))
    assert wants_page(_request(accept, "HEAD"))


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "application/json",
        "application/problem+json, text/html",
        "text/html, */*",
        "text/html;q=0",
        "text/html;q=x",
        "text/html;q=0.3, application/*;q=0.4",
        "text/plain",
        ";;,,q=1",
    ],
)
def test_everybody_else_wants_a_problem(accept: str | None) -> None:
    """Programs, ties and headers that cannot be read are answered with a problem document."""
    assert not wants_page(_request(accept))


def test_what_changes_something_is_no_page_view() -> None:
    """A POST is answered with a problem document, whatever it accepts."""
    assert not wants_page(_request("text/html", "POST"))


def test_accept_may_come_in_several_lines() -> None:
    """Repeated Accept headers count as one list."""
    headers = [(b"accept", b"text/html;q=0.5"), (b"accept", b"application/json")]
    assert not wants_page(Request({"type": "http", "method": "GET", "path": "/", "headers": headers}))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422, 500, 503, 504])
def test_every_status_has_words(status: int) -> None:
    """Each status has a title and a sentence; only our own errors name the trace id."""
    title, sentence = notice_of(status, TRACE_ID)
    assert title
    assert sentence.endswith(".")
    assert (TRACE_ID in sentence) == (status == 500)


def test_a_page_stands_alone_and_escapes() -> None:
    """The plain page loads nothing and takes its words as text, never as markup."""
    page = plain_page("<b>", "a & b")
    assert "<h1>&lt;b&gt;</h1>" in page
    assert "a &amp; b" in page
    assert not any(word in page for word in ("src=", "href=", "<script", "<style"))
