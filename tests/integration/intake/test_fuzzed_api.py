"""Intake answers every HTTP request as its OpenAPI document says and never with a 5xx (I7)."""

from collections.abc import Iterator

import pytest
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.support.fuzzing import MODES, check_refusals, documented_methods, kept_running, read_openapi, send_much
from tests.support.processes.environment import kafka_at
from tests.support.processes.intake_process import KEYS, intake_process
from tests.support.receivers import unused_port

EXPECTED = {KEYS["112"]: 202, KEYS["laksa"]: 403, "nobody's": 401}


@pytest.fixture(scope="module")
def intake_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real intake without Kafka, which accepts requests all the same."""
    running = intake_process(tmp_path_factory.mktemp("intake"), kafka_at(unused_port()))
    with kept_running(running) as intake:
        yield intake.url


@pytest.fixture(scope="module")
def api(intake_url: str) -> OpenApiSchema:
    """Intake's OpenAPI document."""
    return read_openapi(intake_url)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", [KEYS["112"], KEYS["laksa"], "nobody's"], ids=["may-all", "no-scopes", "unknown"])
@pytest.mark.parametrize("mode", MODES)
def test_no_input_breaks_the_interface(api: OpenApiSchema, key: str, mode: GenerationMode) -> None:
    """Valid and invalid requests, with and without a good key, get documented answers and never a 5xx."""
    assert documented_methods(api).keys() >= {"/v1/reports", "/v1/calls"}
    seen = set().union(*send_much(api, mode, headers={"X-API-Key": key}).values())
    if mode is GenerationMode.POSITIVE:
        assert EXPECTED[key] in seen
    if key not in KEYS.values():
        assert seen <= {401, 404, 405}


def test_other_methods_and_paths_are_refused(intake_url: str, api: OpenApiSchema) -> None:
    """Class 5 of bad input: 405 with Allow, and 404."""
    check_refusals(intake_url, api)
