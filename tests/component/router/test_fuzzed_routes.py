"""The router has no API and no OpenAPI document: it answers only its operations routes (I7)."""

from http import HTTPMethod
from urllib.parse import quote

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from starlette.routing import Route
from starlette.testclient import TestClient

from services.router.app import build_app
from services.router.settings import RouterSettings
from shared.domain.lanes import Lane
from shared.settings import KafkaSettings
from tests.support.fuzzing import EXAMPLES, SEED

OPS = ("/health/live", "/health/ready", "/metrics", "/asyncapi")
READING = {HTTPMethod.GET, HTTPMethod.HEAD}


@pytest.mark.parametrize("lane", Lane)
def test_only_ops_is_answered(lane: Lane) -> None:
    """The router has four read-only routes; any other method is 405 with Allow, any other path 404."""
    app = build_app(RouterSettings(lane=lane, kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")))
    assert tuple(route.path for route in app.routes if isinstance(route, Route)) == OPS
    client = TestClient(app)  # the lifespan is not entered, so nothing connects
    for path in OPS:
        for method in set(HTTPMethod) - READING - {HTTPMethod.CONNECT}:
            answer = client.request(method, path, content=b"{")
            assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, READING)
    assert client.get("/openapi.json").status_code == client.get("/docs").status_code == 404

    @seed(SEED)
    @settings(max_examples=EXAMPLES, database=None)
    @given(st.sampled_from(["/", "/v1/", "/health/"]), st.text(max_size=30), st.binary(max_size=50))
    def ask(start: str, rest: str, query: bytes) -> None:
        answer = client.get(f"{start}{quote(rest, errors='replace')}?{quote(query)}")
        assert answer.status_code in ({200, 503} if f"{start}{rest}" in OPS else {404})

    ask()
