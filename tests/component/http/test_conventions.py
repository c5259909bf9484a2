"""What is alike in every service's HTTP: pages for browsers, problems for programs, trailing slashes, and HEAD."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette

from shared.http.pages import PAGE_HEADERS
from shared.http.problems import MEDIA_TYPE
from tests.support.apps.all_services import SERVICES, build_service, client_of

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
JAVA = {"accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}  # what HttpURLConnection sends unasked
PROGRAMS = [{}, {"accept": "*/*"}, {"accept": "application/json"}, {"accept": "application/json, text/html;q=0.5"}]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
SAMPLE_ID = "5b1c2f58-3b0e-4b7f-9a57-3a6f3b1f6c11"
CHANGING = {"content-length"}  # the metrics grow with each request


@dataclass
class Service:
    """One service's application and a client of it."""

    name: str
    app: Starlette
    client: httpx2.AsyncClient

    def routes(self) -> dict[str, set[str]]:
        """The methods of each path, with an id in place of each parameter."""
        found: dict[str, set[str]] = {}
        for route in iter_route_contexts(self.app.routes):
            if route.methods and route.path:
                path = "/".join(SAMPLE_ID if part.startswith("{") else part for part in route.path.split("/"))
                found.setdefault(path, set()).update(route.methods)
        return found

    async def ask(self, method: str, path: str, **headers: str) -> httpx2.Response:
        """One request; all have the same trace id."""
        return await self.client.request(method, path, headers=TRACE | headers)


@pytest.fixture(params=SERVICES)
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    """Each of the four services."""
    app = build_service(request.param, tmp_path)
    if request.param == "stats":
        await app.state.parts.feed.close()  # the live stream ends at once, or a GET of it would never return
    async with client_of(app) as client:
        yield Service(request.param, app, client)


def _seen(answer: httpx2.Response) -> tuple[int, dict[str, str]]:
    return answer.status_code, {name: value for name, value in answer.headers.items() if name not in CHANGING}


async def test_a_browser_gets_a_page_where_there_is_none(service: Service) -> None:
    """An unknown address is a 404 page in Bahasa Indonesia with the board's security headers, and quotes nothing."""
    answer = await service.ask("GET", "/tidak/ada/<script>", **BROWSER)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert PAGE_HEADERS.items() <= answer.headers.items()
    assert '<html lang="id">' in answer.text
    assert "Halaman tidak ditemukan" in answer.text
    assert "tidak/ada" not in answer.text


@pytest.mark.parametrize("headers", PROGRAMS)
async def test_a_program_gets_a_problem(service: Service, headers: dict[str, str]) -> None:
    """Who does not ask for HTML first gets a problem document, and caches are told what it depends on."""
    answer = await service.ask("GET", "/tidak/ada", **headers)
    assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE)
    assert answer.json()["code"] == "not_found"
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("headers", [BROWSER, JAVA])
async def test_what_sends_something_gets_a_problem(service: Service, headers: dict[str, str]) -> None:
    """A POST is a program's, whatever its Accept header says: a page could not tell it what to do."""
    answer = await service.ask("POST", "/tidak/ada", **headers)
    assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE)


async def test_a_trailing_slash_changes_nothing(service: Service) -> None:
    """Every route of every service answers the same with a slash at its end, to every method, without a redirect."""
    for path in service.routes():
        for method in METHODS if path != "/" else ():
            plain, slashed = await service.ask(method, path), await service.ask(method, f"{path}/")
            assert _seen(plain) == _seen(slashed), (method, path)
            assert not plain.is_redirect, (method, path)


async def test_folders_of_files_are_not_listed_and_not_redirected(service: Service) -> None:
    """With and without its slash a folder of static files is 404."""
    for path in ("/static", "/docs/assets"):
        for slash in ("", "/"):
            assert (await service.ask("GET", path + slash)).status_code == 404


async def test_head_is_get_without_its_body(service: Service) -> None:
    """HEAD has the status and the headers of GET on every route that reads, and nothing after them."""
    for path, methods in service.routes().items():
        if "GET" in methods:
            read, asked = await service.ask("GET", path), await service.ask("HEAD", path)
            assert _seen(read) == _seen(asked), path
            assert asked.content == b"", path


async def test_another_method_is_told_which_ones_there_are(service: Service) -> None:
    """Any other method is 405 with Allow, HEAD named wherever GET is."""
    for path, methods in service.routes().items():
        allowed = methods | ({"HEAD"} if "GET" in methods else set())
        for method in set(METHODS) - allowed:
            answer = await service.ask(method, path)
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["allow"].split(", ")) == allowed, (method, path)


async def test_files_say_which_methods_they_take(service: Service) -> None:
    """Static files are only read: 405 names GET and HEAD."""
    if service.name == "router":
        assert (await service.ask("POST", "/docs/assets/swagger-start.js")).status_code == 404  # it has no pages
        return
    answer = await service.ask("POST", "/docs/assets/swagger-start.js")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    read = await service.ask("HEAD", "/docs/assets/vendor/swagger-ui.css")
    assert (read.status_code, read.content) == (200, b"")
