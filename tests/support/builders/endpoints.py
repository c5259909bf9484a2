"""Endpoints of departments for tests, with defaults."""

import base64
from typing import Any
from uuid import UUID, uuid5

from services.notifier.endpoints import Endpoint

NAMESPACE = UUID("c5a1f2a4-51f4-4a39-8f3b-7f0f5f0d9a02")


def secret(name: str) -> str:
    """A valid secret, derived from a name."""
    return "whsec_" + base64.b64encode(uuid5(NAMESPACE, name).bytes * 2).decode()


def endpoint(
    name: str = "bpbd-1", opd: str = "BPBD", url: str | None = "http://127.0.0.1:9/push", **more: Any
) -> Endpoint:
    """A webhook endpoint; ``url=None`` makes a subscribing one."""
    kind = "subscribe" if url is None else "webhook"
    return Endpoint(**{"id": name, "opd": opd, "kind": kind, "url": url, "secret": secret(name)} | more)
