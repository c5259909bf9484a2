"""`.env.example`, made from the settings themselves: every name, what it means, and what it is when it is not set."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from services.cli.deploy.compose_variables import variables
from services.cli.settings import CallCentreSettings, CliSettings, SeedSettings
from services.intake.settings import IntakeSettings
from services.notifier.settings import NotifierSettings
from services.router.settings import RouterSettings
from services.stats.settings import StatsSettings
from shared.settings import KafkaSettings, ServiceSettings

FILE = Path(__file__).resolve().parents[3] / ".env.example"
PARTS: dict[str, type[BaseSettings]] = {
    "laksa run, report and tail": CliSettings,
    "Kafka, for every service; `make run` starts its own unless LAKSA_KAFKA_BOOTSTRAP_SERVERS is set": KafkaSettings,
    "Every service; `make run` sets what is required here and below": ServiceSettings,
    "Intake": IntakeSettings,
    "Router": RouterSettings,
    "Notifier": NotifierSettings,
    "Stats": StatsSettings,
    "Demo call centre": CallCentreSettings,
    "laksa seed": SeedSettings,
}
# The embedded broker reads these itself, from whatever variables it is handed.
OF_THE_BROKER = {
    "LAKSA_CACHE_DIR": "Where Kafka's jars are kept between runs; default: laksa/ in $XDG_CACHE_HOME or ~/.cache",
    "LAKSA_MAVEN_REPOSITORY": "Address of another Maven repository to fetch Kafka's jars from, such as a mirror",
}
COMPOSE = """\
# --- docker-compose.yml: what it reads from `.env`, which `make up` makes; only these stand there.
# Made by `laksa secrets` where there is no value; names behind `#` may be left out."""
HEAD = """\
# Every setting, as environment variables. A name without `#` in front is required by the process that reads it.
# Written by `make env-example` from the settings classes; a test keeps it true.
"""


def render() -> str:
    """The whole file."""
    lines = HEAD.splitlines()
    for title, part in PARTS.items():
        lines += ["", f"# --- {title}", *_lines(part)]
    lines += ["", "# --- The embedded Kafka"]
    for name, meaning in OF_THE_BROKER.items():
        lines += [f"# {meaning}", f"#{name}="]
    lines += ["", *COMPOSE.splitlines()]
    for one in variables():
        lines += [f"# {one.meaning}", f"{'' if one.make else '#'}{one.name}={one.default}"]
    return "\n".join(lines) + "\n"


def names() -> set[str]:
    """All variables that anything reads."""
    return {_name(part, field) for part in PARTS.values() for field in _own_fields(part)} | set(OF_THE_BROKER)


def _lines(part: type[BaseSettings]) -> Iterator[str]:
    for field, info in _own_fields(part).items():
        yield f"# {info.description}"
        required = info.is_required()
        yield f"{'' if required else '#'}{_name(part, field)}={'' if required else _shown(info)}"


def _own_fields(part: type[BaseSettings]) -> dict[str, FieldInfo]:
    """What the class itself asks for; what every service has is said once."""
    inherited = (
        ServiceSettings.model_fields if part is not ServiceSettings and issubclass(part, ServiceSettings) else {}
    )
    return {
        field: info
        for field, info in part.model_fields.items()
        if field not in inherited and info.annotation is not KafkaSettings
    }


def _name(part: type[BaseSettings], field: str) -> str:
    return f"{part.model_config['env_prefix']}{field}".upper()


def _shown(info: FieldInfo) -> str:
    default: Any = info.get_default(call_default_factory=True)
    if default is None or default is PydanticUndefined or isinstance(default, SecretStr):
        return ""
    if hasattr(default, "total_seconds"):
        return f"{default.total_seconds():g}"
    if isinstance(default, Path) and default.is_absolute():
        return str(default.relative_to(FILE.parent))
    return str(default).lower() if isinstance(default, bool) else str(default)


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{FILE.name}: {len(names())} settings\n")
