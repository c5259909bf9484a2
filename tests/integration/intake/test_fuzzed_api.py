"""Whatever is sent to intake's HTTP interface, it answers as its OpenAPI document says and never with a 5xx."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
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

from tests.support.intake_process import KEYS, intake_process
from tests.support.receivers import unused_port

Case = schemathesis.Case[Any]
EXPECTED = {KEYS["112"]: 202, KEYS["laksa"]: 403, "nobody's": 401}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    allow_header_conformance,
]


@pytest.fixture(scope="module")
def intake_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real intake without Kafka: it must accept all the same."""
    directory: Path = tmp_path_factory.mktemp("intake")
    with asyncio.Runner() as runner:
        running = intake_process(directory, f"127.0.0.1:{unused_port()}")
        intake = runner.run(running.__aenter__())
        yield intake.url
        runner.run(running.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def api(intake_url: str) -> OpenApiSchema:
    """What intake says of itself."""
    return schemathesis.openapi.from_url(f"{intake_url}/openapi.json")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", [KEYS["112"], KEYS["laksa"], "nobody's"], ids=["may-all", "no-scopes", "unknown"])
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_input_breaks_the_interface(api: OpenApiSchema, key: str, mode: GenerationMode) -> None:
    """Valid and invalid requests, with and without a good key, get documented answers and never a 5xx."""
    operations = [found.ok() for found in api.get_all_operations() if isinstance(found, Ok)]
    assert {operation.path for operation in operations} >= {"/v1/reports", "/v1/calls"}
    seen = set().union(*(_send_many(operation.as_strategy(generation_mode=mode), key) for operation in operations))
    if mode is GenerationMode.POSITIVE:
        assert EXPECTED[key] in seen
    if key not in KEYS.values():
        assert seen <= {401, 404, 405}


def _send_many(cases: SearchStrategy[Case], key: str) -> set[int]:
    """Send what a strategy makes, check each answer, and return the statuses seen."""
    seen: set[int] = set()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(cases)
    def send(case: Case) -> None:
        answer = case.call(headers={"X-API-Key": key})
        case.validate_response(answer, checks=CHECKS)
        seen.add(answer.status_code)

    send()
    return seen
