"""The departments' endpoints, read from a YAML file and validated as a whole."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from services.notifier.signing import secret_fault
from shared.domain.lanes import Mode
from shared.domain.taxonomy import TRIAGE_OPD
from shared.yaml_files import invalid_file, load_yaml_model

SETTING = "LAKSA_ENDPOINTS_FILE"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Endpoint(BaseModel):
    """How a department receives reports: by push (``webhook``) or by reading its own topic (``subscribe``).

    During a rotation, ``previous_secrets`` also sign and are also accepted. An ``exercise`` endpoint receives only
    exercises, and exercises go only to such endpoints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")
    opd: str
    kind: Literal["webhook", "subscribe"]
    url: str | None = None
    secret: str | None = Field(default=None, repr=False)
    previous_secrets: tuple[str, ...] = Field(default=(), repr=False)
    exercise: bool = False

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is not None and (fault := url_fault(url)):
            raise ValueError(fault)
        return url

    @field_validator("secret", "previous_secrets")
    @classmethod
    def _check_secrets(cls, value: Any) -> Any:
        for secret in (value,) if isinstance(value, str) else value or ():
            if fault := secret_fault(secret):
                raise ValueError(fault)
        return value

    @model_validator(mode="after")
    def _check_kind(self) -> "Endpoint":
        if self.kind == "webhook" and (self.url is None or self.secret is None):
            raise ValueError("a webhook needs url and secret")
        if self.kind == "subscribe" and self.url is not None:
            raise ValueError("a subscribing department is not pushed: leave url out")
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret in force, the current one first."""
        return (self.secret, *self.previous_secrets) if self.secret else ()


def url_fault(url: str) -> str | None:
    """The fault of a push address, or None. Outside this machine, reports are sent only over TLS."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if not host or parts.username or parts.fragment:
        return "must be scheme://host/path, without user name and fragment"
    if parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK):
        return None
    return "must be https; http only to this machine itself (127.0.0.1)"


# If not even the Live Room has an endpoint, a delivery to this one keeps the report's clock and alarm running.
NOBODY = Endpoint(id="liveroom.nobody", opd=TRIAGE_OPD, kind="subscribe")


class Reach(StrEnum):
    """Who receives a report: its department, the Live Room in its place, or nobody. An exercise may reach nobody."""

    DEPARTMENT = "department"
    LIVE_ROOM = "live_room"
    NOBODY = "nobody"
    NO_DRILL = "no_drill"


@dataclass(frozen=True, slots=True)
class Recipients:
    """The endpoints that receive a report."""

    reach: Reach
    endpoints: tuple[Endpoint, ...]


class Endpoints:
    """All endpoints of the endpoints file."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.by_id: Mapping[str, Endpoint] = MappingProxyType({endpoint.id: endpoint for endpoint in endpoints})

    def recipients(self, opd: str, mode: str) -> Recipients:
        """The recipients of a department's report. It is never silently empty, see `NOBODY`.

        Backfilled reports have no recipients. Neither has an exercise without exercise endpoints: nobody may be called.
        """
        if mode == Mode.BACKFILL:
            return Recipients(Reach.DEPARTMENT, ())
        for code, reach in ((opd, Reach.DEPARTMENT), (TRIAGE_OPD, Reach.LIVE_ROOM)):
            if found := self._of(code, exercise=mode == Mode.EXERCISE):
                return Recipients(reach, found)
        return Recipients(Reach.NO_DRILL, ()) if mode == Mode.EXERCISE else Recipients(Reach.NOBODY, (NOBODY,))

    def secrets(self, endpoint_id: str) -> tuple[str, ...]:
        """The secrets in force of an endpoint; empty if it is no longer in the file."""
        endpoint = self.by_id.get(endpoint_id)
        return endpoint.secrets if endpoint else ()

    def _of(self, opd: str, *, exercise: bool) -> tuple[Endpoint, ...]:
        return tuple(one for one in self.by_id.values() if one.opd == opd and one.exercise == exercise)


class _EndpointsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    endpoints: tuple[Endpoint, ...]


def load_endpoints(path: Path, opds: Mapping[str, object]) -> Endpoints:
    """Read the endpoints file; ``opds`` are the codes that exist.

    Raises:
        ConfigurationError: the file cannot be read or is not valid; every fault is listed, no secret is quoted.
    """
    endpoints = load_yaml_model(path, _EndpointsFile, given_by=SETTING).endpoints
    if faults := _faults_among(endpoints, opds):
        raise invalid_file(path, faults, given_by=SETTING)
    return Endpoints(endpoints)


def _faults_among(endpoints: Sequence[Endpoint], opds: Mapping[str, object]) -> list[str]:
    counts = Counter(endpoint.id for endpoint in endpoints)
    return [
        *(f"endpoints: the id {name} stands there {count} times" for name, count in counts.items() if count > 1),
        *(f"endpoints: {one.id} names the unknown OPD {one.opd}" for one in endpoints if one.opd not in opds),
    ]
