"""Error pages for browsers, in place of a problem document: in Bahasa Indonesia, without internals."""

import html
from collections.abc import Callable, Mapping
from typing import NamedTuple

from starlette.requests import Request

PAGE_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

Page = Callable[[str, str], str]
"""Renders a page from its title and its sentence."""


class Notice(NamedTuple):
    """The text of an error page."""

    title: str
    sentence: str


_NOTICES: Mapping[int, Notice] = {
    404: Notice("Halaman tidak ditemukan", "Tidak ada halaman di alamat ini. Periksa kembali alamatnya."),
    405: Notice("Permintaan tidak didukung", "Halaman ini tidak dapat dibuka dengan cara tersebut."),
    422: Notice("Alamat tidak lengkap", "Isian pada alamat ini tidak dapat dipakai. Periksa kembali alamatnya."),
    503: Notice("Layanan belum tersedia", "Tidak ada laporan yang hilang. Muat ulang halaman ini sebentar lagi."),
}
_REFUSED = Notice("Permintaan ditolak", "Permintaan ini tidak dapat dilayani.")
_BUG = Notice("Terjadi kesalahan pada sistem", "Kesalahan ini ada pada sistem kami, bukan pada Anda.")

_PAGE = """<!doctype html>
<html lang="id">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · LAKSA</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{sentence}</p>
</main>
</body>
</html>
"""


def wants_page(request: Request) -> bool:
    """Whether the client is a browser that opens an address: GET or HEAD, and HTML preferred to everything else.

    A client that accepts HTML and JSON, or HTML and ``*/*``, equally is treated as a program.
    """
    if request.method not in {"GET", "HEAD"}:
        return False
    wanted = _qualities(",".join(request.headers.getlist("accept")))
    page = max(wanted.get("text/html", 0.0), wanted.get("application/xhtml+xml", 0.0))
    others = ("application/problem+json", "application/json", "application/*", "*/*")
    return page > max(wanted.get(name, 0.0) for name in others)


def notice_of(status: int, trace_id: str) -> Notice:
    """The text for a status; for an internal error it includes the trace id, which our logs contain."""
    title, sentence = _NOTICES.get(status, _BUG if status >= 500 else _REFUSED)  # noqa: PLR2004  # HTTP: 5xx is ours
    return Notice(title, f"{sentence} Kode pelacakan: {trace_id}." if status == 500 else sentence)  # noqa: PLR2004


def plain_page(title: str, sentence: str) -> str:
    """A self-contained page."""
    return _PAGE.format(title=html.escape(title), sentence=html.escape(sentence))


def _qualities(accept: str) -> dict[str, float]:
    """The media types of an Accept header with their weights; an invalid weight counts as 0."""
    found: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weights = [value for value in parameters if value.startswith("q=")]
        found[name] = _weight(weights[0][2:]) if weights else 1.0
    return found


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
