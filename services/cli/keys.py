"""API keys of the channels and secrets of the endpoints: stored in ``var/secrets.json``, passed to services."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from services.cli.layout import Layout, read_json, write_private
from shared.domain.lanes import Channel
from shared.domain.taxonomy import default_taxonomy

SCOPES: Mapping[Channel, tuple[str, ...]] = {Channel.CALL_112: ("calls", "backfill", "exercise")}
SUBSCRIBING = frozenset({"DPUPR", "PERUMDAM"})  # subscribers, so that the demo has both kinds
DRILL_OPD = "BPBD"  # the reference data contain one fire exercise
SECRET_BYTES = 32  # Standard Webhooks requires 24 to 64


@dataclass(frozen=True, slots=True)
class Secrets:
    """The API key of each channel, and the signing secret of each endpoint."""

    api_keys: Mapping[str, str]
    endpoints: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DemoEndpoint:
    """One endpoint of the demo: a department's call centre, or a department that subscribes."""

    id: str
    opd: str
    kind: str
    exercise: bool = False


def demo_endpoints() -> tuple[DemoEndpoint, ...]:
    """One endpoint for each OPD, and one for exercises."""
    of_opds = (
        DemoEndpoint(f"{code.lower()}-subscribe", code, "subscribe")
        if code in SUBSCRIBING
        else DemoEndpoint(f"{code.lower()}-callcentre", code, "webhook")
        for code in default_taxonomy().opds
    )
    return (*of_opds, DemoEndpoint(f"{DRILL_OPD.lower()}-drill", DRILL_OPD, "webhook", exercise=True))


def load_secrets(layout: Layout) -> Secrets:
    """Load the keys of this data folder; missing keys are made and saved."""
    known = read_json(layout.secrets)
    made = Secrets(
        api_keys={name: _kept(known, "api_keys", name) or _new_api_key(name) for name in Channel},
        endpoints={
            endpoint.id: _kept(known, "endpoints", endpoint.id) or _new_signing_secret()
            for endpoint in demo_endpoints()
        },
    )
    if known != (wanted := {"api_keys": dict(made.api_keys), "endpoints": dict(made.endpoints)}):
        write_private(layout.secrets, json.dumps(wanted, indent=2))
    return made


def write_configuration(layout: Layout, made: Secrets, call_centre_url: str) -> list[Path]:
    """Write the channels file for intake (hashes only) and the endpoints file for the notifiers.

    A file that was edited since is not overwritten. Returns the edited files.
    """
    texts = {layout.channels: channels_file(made), layout.endpoints: endpoints_file(made, call_centre_url)}
    written = read_json(layout.written)
    edited = [path for path, text in texts.items() if _is_edited(path, text, written.get(path.name))]
    for path in texts.keys() - set(edited):
        write_private(path, texts[path])
        written[path.name] = _sha256(texts[path].encode())
    write_private(layout.written, json.dumps(written, indent=2))
    return edited


def channels_file(made: Secrets) -> str:
    """The text of the channels file: names, hashes of the keys, scopes."""
    channels = [
        {
            "name": str(name),
            "key_sha256": _sha256(made.api_keys[name].encode()),
            "scopes": list(SCOPES.get(name, ())),
        }
        for name in Channel
    ]
    return yaml.safe_dump({"channels": channels}, sort_keys=False)


def endpoints_file(made: Secrets, call_centre_url: str) -> str:
    """The text of the endpoints file; every webhook endpoint has the address of the demo call centre."""
    endpoints = [_endpoint_entry(endpoint, made, call_centre_url) for endpoint in demo_endpoints()]
    return yaml.safe_dump({"endpoints": endpoints}, sort_keys=False)


def _endpoint_entry(endpoint: DemoEndpoint, made: Secrets, call_centre_url: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": endpoint.id,
        "opd": endpoint.opd,
        "kind": endpoint.kind,
        "exercise": endpoint.exercise,
    }
    if endpoint.kind == "webhook":
        entry |= {"url": f"{call_centre_url}/push/{endpoint.id}"}
    return entry | {"secret": made.endpoints[endpoint.id]}


def _is_edited(path: Path, text: str, written: str | None) -> bool:
    return path.exists() and _sha256(path.read_bytes()) not in {written, _sha256(text.encode())}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _kept(known: Mapping[str, Any], part: str, name: str) -> str | None:
    value = known.get(part, {}).get(name)
    return value if isinstance(value, str) else None


def _new_api_key(channel: str) -> str:
    return f"laksa_{channel}_{secrets.token_urlsafe(24)}"


def _new_signing_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
