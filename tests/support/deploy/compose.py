"""docker-compose.yml as docker compose reads it: anchors merged, variables put in, services in the order they start."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[3]
FILE = PROJECT / "docker-compose.yml"
OWN_IMAGE = "laksa-pipeline"
SECRETS_FOLDER = "/run/secrets"

# ${NAME}, ${NAME:-default} and ${NAME:?what to say}; $$ is a plain dollar
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Z][A-Z0-9_]*)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")


class UnsetVariable(Exception):  # noqa: N818  # named after what happened
    """The file needs a variable that nobody set."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One volume of a service: a folder of this project, or a named volume, at a path in the container."""

    source: str
    target: str
    read_only: bool

    @property
    def is_named(self) -> bool:
        """True for a named volume."""
        return not self.source.startswith(".")


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the file."""

    name: str
    content: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """Its variables, as the container gets them."""
        return {key: str(value) for key, value in self.content.get("environment", {}).items()}

    @property
    def command(self) -> list[str]:
        """Its command."""
        return [str(part) for part in self.content.get("command", [])]

    @property
    def is_ours(self) -> bool:
        """Whether it runs this project's own image."""
        return str(self.content["image"]).startswith(f"{OWN_IMAGE}:")

    @property
    def is_job(self) -> bool:
        """Whether it is to end by itself."""
        return bool(self.content["restart"] == "no")

    @property
    def module(self) -> str:
        """The Python module that it runs, of our own services."""
        return self.command[0]

    @property
    def mounts(self) -> list[Mount]:
        """Its volumes."""
        parts = (volume.split(":") for volume in self.content.get("volumes", []))
        return [Mount(source, target, read_only="ro" in rest) for source, target, *rest in parts]

    @property
    def secrets(self) -> list[str]:
        """The names of the secret files that it gets."""
        return list(self.content.get("secrets", []))

    @property
    def waits_for(self) -> dict[str, str]:
        """The services it waits for, each with the condition."""
        return {name: what["condition"] for name, what in self.content.get("depends_on", {}).items()}

    @property
    def health_command(self) -> list[str] | None:
        """What its healthcheck runs."""
        test = self.content.get("healthcheck", {}).get("test")
        return [str(part) for part in test[1:]] if test else None


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """The file, with all variables put in."""

    content: Mapping[str, Any]

    @property
    def services(self) -> dict[str, Service]:
        """All services, of every profile, by name."""
        return {name: Service(name, content) for name, content in self.content["services"].items()}

    def secret_file(self, name: str) -> Path:
        """The file behind a secret, from the project's folder."""
        return Path(self.content["secrets"][name]["file"])

    def in_order(self, names: Sequence[str]) -> list[Service]:
        """These services, each after those that it waits for."""
        services = self.services
        graph = {name: services[name].waits_for for name in names}
        return [services[name] for name in TopologicalSorter(graph).static_order() if name in names]


def read_compose(variables: Mapping[str, str], file: Path = FILE) -> ComposeFile:
    """The compose file with these variables.

    Raises:
        UnsetVariable: it needs one that is not among them.
    """
    return ComposeFile(_put_in(yaml.safe_load(file.read_text(encoding="utf-8")), variables))


def variables_used(file: Path = FILE) -> dict[str, list[tuple[str, str]]]:
    """Each variable that the file names, with every ``:-`` or ``:?`` and what follows it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for text in _texts(yaml.safe_load(file.read_text(encoding="utf-8"))):
        for match in _VARIABLE.finditer(text):
            if match["name"]:
                found.setdefault(match["name"], []).append((match["kind"] or "", match["rest"] or ""))
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _put_in(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _value_of(match, variables), value)
    if isinstance(value, Mapping):
        return {key: _put_in(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_put_in(one, variables) for one in value]
    return value


def _value_of(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match["name"] is None:
        return "$"
    if value := variables.get(match["name"]):
        return value
    if match["kind"] == "-":
        return match["rest"] or ""
    raise UnsetVariable(f"{match['name']}: {match['rest'] or 'not set'}")


# On what the images listen that are not ours, where no variable of theirs says it.
PORTS_OF_IMAGES: Mapping[str, tuple[int, ...]] = {
    "postgres": (5432,),
    "prom/prometheus": (9090,),
    "prom/alertmanager": (9093,),
    "grafana/grafana": (3000,),
    "axllent/mailpit": (1025, 8025),
}


def listens_on(service: Service) -> set[int]:
    """The ports on which a service's container listens, as its own settings say."""
    environment = service.environment
    if "KAFKA_LISTENERS" in environment:
        return {int(port) for port in re.findall(r":(\d+)", environment["KAFKA_LISTENERS"])}
    named = [int(environment[name]) for name in ("LAKSA_HTTP_PORT", "EXPORTER_PORT") if name in environment]
    return {*named, *PORTS_OF_IMAGES.get(str(service.content["image"]).rpartition(":")[0], ())}
