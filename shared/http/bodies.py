"""Reads a request body with a size limit, counted while it arrives, and a time limit.

Starlette's `RequestBodyLimitMiddleware` is not used: it answers a declared length over the limit in plain text
instead of a problem document, does not close the connection, and has no time limit, so that a slow body could hold
its request open without end.
"""

import asyncio

from starlette.requests import ClientDisconnect, Request

from shared.http.problems import Problem


async def read_body(request: Request, *, most_bytes: int, seconds: float) -> bytes:
    """The whole body. A Content-Length is checked first; it may be missing or wrong, so the bytes are counted too.

    Raises:
        Problem: 413 for a body that is too large, 408 for one that is too slow or incomplete.
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
        raise _closing(408, "too_slow", "The body arrived too slowly", "Send it again.") from None
    except ClientDisconnect:
        raise _closing(408, "incomplete", "The body is incomplete", "Send it again.") from None
    return bytes(body)


def check_is_json(request: Request) -> None:
    """Check that the headers announce uncompressed JSON in UTF-8.

    Raises:
        Problem: 415 for another media type or a compressed body.
    """
    if not _is_json(request.headers.get("content-type", "")):
        raise Problem(415, "unsupported_media_type", "Not JSON", "Send Content-Type: application/json, in UTF-8.")
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise Problem(415, "unsupported_encoding", "Compressed body", "Send the body uncompressed.")


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    media_type, _, parameters = content_type.partition(";")
    name, _, value = parameters.strip().lower().partition("=")
    return media_type.strip().lower() == "application/json" and (name != "charset" or value.strip('"') == "utf-8")


def _too_large(most_bytes: int) -> Problem:
    return _closing(413, "too_large", "The body is too large", f"At most {most_bytes // 1024} KiB.")


def _closing(status: int, code: str, title: str, detail: str) -> Problem:
    """A refusal of a body that was not read completely: the connection cannot be used for another request."""
    return Problem(status, code, title, detail, headers={"Connection": "close"})
