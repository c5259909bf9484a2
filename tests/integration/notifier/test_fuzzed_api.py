"""The notifier answers every request as its OpenAPI document says and never with a 5xx (I7).

Acknowledging is the only operation that changes data and the only one with credentials: the signature.
"""

import base64
import hmac
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import requests
import yaml
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from shared.db.engine import sqlite_url
from shared.db.migrating import upgrade
from tests.support.apps.notifying import notifier
from tests.support.builders.assignments import assigned, report
from tests.support.builders.endpoints import endpoint, secret
from tests.support.fuzzing import (
    MODES,
    WAIT_SECONDS,
    check_refusals,
    documented_methods,
    kept_running,
    read_openapi,
    send_much,
)
from tests.support.processes.environment import kafka_at
from tests.support.processes.service_process import PROJECT, READY_SECONDS, ServiceProcess
from tests.support.receivers import unused_port
from tests.support.waiting import eventually

ACK = "/v1/deliveries/{delivery_id}/ack"
REPORTS = 5
KNOWN = (endpoint(url=None), endpoint("dinkes-1", "DINKES", url=None))


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """The service, its OpenAPI document, and values that exist in it."""

    url: str
    log: Path
    api: OpenApiSchema
    known: dict[str, list[str]]

    @property
    def first(self) -> dict[str, str]:
        """One value for each parameter."""
        return {name: values[0] for name, values in self.known.items()}

    def acknowledged(self) -> int:
        """How many deliveries are acknowledged."""
        answer = httpx2.get(f"{self.url}/v1/deliveries", params={"state": "acknowledged"}, timeout=WAIT_SECONDS)
        return len(answer.json()["deliveries"])


class Signed(AuthBase):
    """Signs each request as BPBD, with a new message id, whatever its bytes are."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the three headers of Standard Webhooks in place."""
        body = request.body or b""
        assert isinstance(body, (bytes, str))
        raw = body.encode() if isinstance(body, str) else body
        message, now = str(uuid4()), str(int(time.time()))
        key = base64.b64decode(secret("bpbd-1").removeprefix("whsec_"))
        digest = hmac.digest(key, f"{message}.{now}.".encode() + raw, sha256)
        signature = f"v1,{base64.b64encode(digest).decode()}"
        request.headers.update(
            # replaces generated values
            {"webhook-id": message, "webhook-timestamp": now, "webhook-signature": signature}
        )
        return request


@asynccontextmanager
async def busy_notifier(directory: Path) -> AsyncIterator[tuple[ServiceProcess, list[str]]]:
    """A real notifier without Kafka whose departments have reports; the process, and its delivery ids, BPBD's first."""
    url, path = sqlite_url(directory / "notifier.db"), directory / "endpoints.yaml"
    await upgrade(url, PROJECT / "services/notifier/migrations")
    path.write_text(yaml.safe_dump({"endpoints": [entry.model_dump(mode="json") for entry in KNOWN]}), encoding="utf-8")
    async with notifier(url, KNOWN) as before:
        for number in range(REPORTS):
            await before.inbox.take_in([assigned(report(number)), assigned(report(number), "DINKES")])
        made = [
            delivery for number in range(REPORTS) for delivery in await before.store.of_report(report(number).report_id)
        ]
    settings = {
        "LAKSA_DATABASE_URL": url,
        "LAKSA_ENDPOINTS_FILE": str(path),
        "LAKSA_PUBLIC_URL": "http://127.0.0.1",
    }
    service = ServiceProcess(["services.notifier", "--lane", "emergency"], kafka_at(unused_port()), directory, settings)
    try:
        await service.launch()
        await eventually(service.is_live, READY_SECONDS)
        yield service, [str(delivery.id) for delivery in sorted(made, key=lambda delivery: delivery.opd)]
    finally:
        await service.kill_if_running()


@pytest.fixture(scope="module")
def notifier_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """One service for all tests of this file."""
    with kept_running(busy_notifier(tmp_path_factory.mktemp("notifier"))) as (service, ids):
        reports = [str(report(number).report_id) for number in range(REPORTS)]
        known = {"delivery_id": ids, "report_id": reports}
        yield Fuzzed(service.url, service.log, read_openapi(service.url), known)


@pytest.mark.parametrize("mode", MODES)
def test_no_unsigned_input_breaks_the_interface_or_acknowledges(notifier_api: Fuzzed, mode: GenerationMode) -> None:
    """Valid and invalid requests get documented answers; without a valid signature they get 401 and change nothing."""
    assert documented_methods(notifier_api.api).keys() == {ACK, "/v1/endpoints", "/v1/deliveries"}
    before = notifier_api.acknowledged()
    seen = send_much(notifier_api.api, mode, known=notifier_api.known)
    assert notifier_api.acknowledged() == before
    assert seen[ACK] <= {401, 404, 405}
    assert 401 in seen[ACK]
    if mode is GenerationMode.POSITIVE:
        assert seen["/v1/endpoints"] == seen["/v1/deliveries"] == {200}


@pytest.mark.parametrize("mode", MODES)
def test_no_signed_input_breaks_the_interface(notifier_api: Fuzzed, mode: GenerationMode) -> None:
    """With a department's signature: its own deliveries are acknowledged, others are 403, no such ones 404."""
    seen = send_much(notifier_api.api, mode, known=notifier_api.known, auth=Signed())
    if mode is GenerationMode.POSITIVE:
        assert seen[ACK] >= {200, 403, 404}
        assert 0 < notifier_api.acknowledged() <= REPORTS
    else:
        assert seen[ACK] & {400, 422}


def test_other_methods_and_paths_are_refused(notifier_api: Fuzzed) -> None:
    """Class 5 of bad input: 405 with Allow, and 404."""
    check_refusals(notifier_api.url, notifier_api.api, known=notifier_api.known)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_a_signed_body_that_is_not_said_to_be_json_is_refused(notifier_api: Fuzzed, headers: dict[str, str]) -> None:
    """Class 5 of bad input: 415 and nothing is acknowledged; without a signature it is 401."""
    before, address = notifier_api.acknowledged(), notifier_api.url + ACK.format(**notifier_api.first)
    for auth, status in ((Signed(), 415), (None, 401)):
        answer = requests.post(address, data=b'{"by":"Sari"}', headers=headers, auth=auth, timeout=WAIT_SECONDS)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert notifier_api.acknowledged() == before


def test_a_body_that_does_not_come_is_given_up(notifier_api: Fuzzed) -> None:
    """Class 4: 408 and a closed connection; a caller who disconnects early causes no logged error."""
    head = f"POST {ACK.format(**notifier_api.first)} HTTP/1.1\r\nhost: n\r\ncontent-length: 9\r\n\r\n{{".encode()
    host, port = notifier_api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), WAIT_SECONDS) as gone:
        gone.sendall(head)
    with socket.create_connection((host, int(port)), WAIT_SECONDS) as slow, slow.makefile("rb") as answer:
        slow.sendall(head)
        said = answer.read()
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"too_slow"' in said
    log = notifier_api.log.read_text()
    assert '"code":"incomplete"' in log
    assert '"status":500' not in log
