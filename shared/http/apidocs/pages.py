"""``/docs`` shows a service's OpenAPI document, ``/asyncapi/docs`` its AsyncAPI document; both work offline."""

import html
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

STATIC_DIRECTORY = Path(__file__).parent / "static"
ASYNCAPI_URL = "/asyncapi"

# Both viewers set styles on elements. The AsyncAPI parser compiles JSON Schemas into functions, hence unsafe-eval on
# its page alone; no script comes from anywhere but this service.
_POLICY = (
    "default-src 'none'; script-src 'self'{extra}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/assets/vendor/{style}">
<script src="/docs/assets/vendor/{script}" defer></script>
<script src="/docs/assets/{start}" defer></script>
</head>
<body><div id="docs" data-url="{url}"></div><noscript>This page needs JavaScript; the document itself is at
<a href="{url}">{url}</a>.</noscript></body>
</html>
"""


def docs_routes(openapi_url: str | None, title: str) -> list[BaseRoute]:
    """The routes of the documentation pages. A service without HTTP of its own gives None and has no ``/docs``."""
    asyncapi = _page(
        f"{title}: AsyncAPI", ASYNCAPI_URL, "asyncapi.min.css", "asyncapi-standalone.js", "asyncapi-start.js"
    )
    routes: list[BaseRoute] = [
        Mount("/docs/assets", StaticFiles(directory=STATIC_DIRECTORY)),
        _route("/asyncapi/docs", asyncapi, _POLICY.format(extra=" 'unsafe-eval'")),
    ]
    if openapi_url is not None:
        openapi = _page(f"{title}: OpenAPI", openapi_url, "swagger-ui.css", "swagger-ui-bundle.js", "swagger-start.js")
        routes.append(_route("/docs", openapi, _POLICY.format(extra="")))
    return routes


def _page(title: str, url: str, style: str, script: str, start: str) -> str:
    return _PAGE.format(title=html.escape(title), url=html.escape(url), style=style, script=script, start=start)


def _route(path: str, page: str, policy: str) -> Route:
    async def show(_request: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": policy, "x-content-type-options": "nosniff"})

    return Route(path, show)
