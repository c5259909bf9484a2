"""Reading a request's body: measured while it comes in, and within a time limit.

Starlette's own limit of the body is not used: it answers in plain text instead of a problem document, does not close
the connection, and knows no time limit, so that a body that drips in would hold its request for ever.
"""

import asyncio

from starlette.requests import ClientDisconnect, Request

from shared.http.problems import Problem


async def read_body(request: Request, *, most_bytes: int, seconds: float) -> bytes:
    """The body, however it is sent: nobody has to declare its length.

    Raises:
        Problem: 413 for one too large, 408 for one that comes too slowly or not to its end.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > most_bytes:
        raise _too_large(most_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise _too_large(most_bytes)
    except TimeoutError:
        raise _closing(408, "too_slow", "The body came too slowly", "Send it again.") from None
    except ClientDisconnect:
        raise _closing(408, "incomplete", "The body ended too early", "Send it again.") from None
    return bytes(body)


def check_is_json(request: Request) -> None:
    """Return where the headers announce JSON in UTF-8, uncompressed.

    Raises:
        Problem: 415 for another media type or a compressed body.
    """
    if not _is_json(request.headers.get("content-type", "")):
        raise Problem(415, "unsupported_media_type", "Not JSON", "Send Content-Type: application/json, in UTF-8.")
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise Problem(415, "unsupported_encoding", "Compressed", "Send the body as it is, uncompressed.")


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    media_type, _, parameters = content_type.partition(";")
    name, _, value = parameters.strip().lower().partition("=")
    return media_type.strip().lower() == "application/json" and (name != "charset" or value.strip('"') == "utf-8")


def _too_large(most_bytes: int) -> Problem:
    return _closing(413, "too_large", "The body is too large", f"At most {most_bytes // 1024} KiB.")


def _closing(status: int, code: str, title: str, detail: str) -> Problem:
    """A refusal of a body that was not read to its end: the connection is of no more use."""
    return Problem(status, code, title, detail, headers={"Connection": "close"})
