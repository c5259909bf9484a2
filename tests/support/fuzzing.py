"""Sending a service whatever its OpenAPI document allows, and what it forbids, and judging each answer by it."""

import asyncio
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from http import HTTPMethod
from typing import Any, TypeAlias, TypeVar

import httpx2
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

SEED = 20_240_112  # the same requests in every run; change it to look elsewhere
EXAMPLES = 40  # per operation and mode
WAIT_SECONDS = 10.0
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    allow_header_conformance,
]
MODES = list(GenerationMode)
PROBLEM = "application/problem+json"

Case: TypeAlias = "schemathesis.Case[Any]"
Known: TypeAlias = Mapping[str, Sequence[str]]
T = TypeVar("T")


@contextmanager
def kept_running(running: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """A process that asyncio keeps, for tests that are not asynchronous themselves: schemathesis' client is not."""
    with asyncio.Runner() as runner:
        made = runner.run(running.__aenter__())
        try:
            yield made
        finally:
            runner.run(running.__aexit__(None, None, None))


def read_openapi(url: str) -> OpenApiSchema:
    """What the service at this address says of itself."""
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


def documented_methods(api: OpenApiSchema) -> dict[str, set[str]]:
    """The methods of each path."""
    found: dict[str, set[str]] = {}
    for operation in _operations(api):
        found.setdefault(operation.path, set()).add(operation.method.upper())
    return found


def send_much(
    api: OpenApiSchema,
    mode: GenerationMode,
    *,
    known: Known | None = None,
    headers: Mapping[str, str] | None = None,
    auth: AuthBase | None = None,
) -> dict[str, set[int]]:
    """Send every operation many requests and check each answer; returns the statuses seen, by path.

    ``known`` are values that exist, by the parameter's name: every other request or so gets one, so that what is
    behind an id answers too. ``auth`` signs each request when all else of it stands. An operation that takes nothing
    cannot be asked wrongly.
    """
    return {
        operation.path: _send_to(operation.as_strategy(generation_mode=mode), known or {}, dict(headers or {}), auth)
        for operation in _operations(api)
        if mode is GenerationMode.POSITIVE or operation.body or list(operation.iter_parameters())
    }


def _operations(api: OpenApiSchema) -> list[Any]:
    return [found.ok() for found in api.get_all_operations() if isinstance(found, Ok)]


def _send_to(cases: Any, known: Known, headers: dict[str, str], auth: AuthBase | None) -> set[int]:
    seen: set[int] = set()

    @seed(SEED)
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(cases, st.data())
    def send(case: Case, data: st.DataObject) -> None:
        _put_in(known, case, data)
        answer = case.call(headers=headers, auth=auth, timeout=WAIT_SECONDS)
        case.validate_response(answer, checks=CHECKS)
        seen.add(answer.status_code)

    send()
    return seen


def _put_in(known: Known, case: Case, data: st.DataObject) -> None:
    """Replace parameters by values that exist, at times."""
    for place in (case.path_parameters, case.query):
        for name in sorted(known.keys() & (place or {}).keys()):
            if data.draw(st.booleans(), label=f"{name} exists"):
                place[name] = data.draw(st.sampled_from(known[name]), label=name)


def check_refusals(url: str, api: OpenApiSchema, *, known: Known | None = None) -> None:
    """Class 5 of bad input: another method is 405 with ``Allow``, an unknown path 404, both as problems."""
    examples = {name: values[0] for name, values in (known or {}).items()}
    with httpx2.Client(base_url=url, timeout=WAIT_SECONDS) as client:
        for path, documented in documented_methods(api).items():
            methods = documented | (
                {HTTPMethod.HEAD} if HTTPMethod.GET in documented else set()
            )  # not documented apart
            for method in set(HTTPMethod) - methods - {HTTPMethod.CONNECT}:
                answer = client.request(method, path.format(**examples))
                assert answer.status_code == 405, (method, path, answer.status_code)
                assert set(answer.headers["allow"].split(", ")) == methods, (method, path)
                assert method == HTTPMethod.HEAD or answer.json()["code"] == "method_not_allowed"

        @seed(SEED)
        @settings(max_examples=EXAMPLES, deadline=None, database=None)
        @given(st.text(string.ascii_letters + string.digits + "-._~%/", min_size=1))
        def ask(path: str) -> None:
            answer = client.get(f"/v1/nothing/{path}")
            assert answer.status_code == 404
            assert (answer.headers["content-type"], answer.json()["code"]) == (PROBLEM, "not_found")

        ask()
