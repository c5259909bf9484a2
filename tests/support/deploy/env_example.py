"""`.env.example`, made from the settings classes: every variable with its meaning and default, and its use in a run."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from services.cli.deploy.compose_variables import variables
from services.cli.run.environment import CHANNELS, ENDPOINTS, NOT_USED_BY_RUN, SET_BY_RUN
from services.cli.settings import CallCentreSettings, CliSettings, SeedSettings
from services.intake.settings import IntakeSettings
from services.notifier.settings import NotifierSettings
from services.router.settings import RouterSettings
from services.stats.settings import StatsSettings
from shared.settings import KafkaSettings, ServiceSettings

FILE = Path(__file__).resolve().parents[3] / ".env.example"
PARTS: dict[str, type[BaseSettings]] = {
    "laksa run, report and tail": CliSettings,
    "Kafka, for every service; without the first one `make run` starts its own and ignores the others": KafkaSettings,
    "Every service": ServiceSettings,
    "Intake": IntakeSettings,
    "Router": RouterSettings,
    "Notifier": NotifierSettings,
    "Stats": StatsSettings,
    "Demo call centre": CallCentreSettings,
    "laksa seed": SeedSettings,
}
# The embedded Kafka reads these from the environment itself.
OF_THE_BROKER = {
    "LAKSA_CACHE_DIR": "Where Kafka's jars are kept between runs; default: laksa/ in $XDG_CACHE_HOME or ~/.cache",
    "LAKSA_MAVEN_REPOSITORY": "Address of another Maven repository to fetch Kafka's jars from, such as a mirror",
}
DEFAULT_FILES = {CHANNELS: "var/channels.yaml", ENDPOINTS: "var/endpoints.yaml"}
COMPOSE = """\
# --- docker-compose.yml reads these from `.env`, which `make up` writes; `make run` does not read them.
# `laksa secrets` makes those without a value; names behind `#` may be left out."""
HEAD = """\
# Every setting, as an environment variable: LAKSA_LOG_LEVEL=WARNING make run
# The process that reads a variable without `#` before its name requires it. `make run` treats empty ones as not set.
# [set by make run]: `make run` sets it for each process; if you set it, a line on the screen says that it is ignored.
# [not used by make run]: only the command or process of its section reads it; `make run` ignores it likewise.
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
    for variable in variables():
        lines += [f"# {variable.meaning}", f"{'' if variable.make else '#'}{variable.name}={variable.default}"]
    return "\n".join(lines) + "\n"


def names() -> set[str]:
    """All variables that anything reads."""
    return {_name(part, field) for part in PARTS.values() for field in _own_fields(part)} | set(OF_THE_BROKER)


def _lines(part: type[BaseSettings]) -> Iterator[str]:
    for field, info in _own_fields(part).items():
        name, required = _name(part, field), info.is_required()
        yield f"# {info.description}{_mark(name)}"
        yield f"{'' if required else '#'}{name}={'' if required else _shown(info)}"


def _mark(name: str) -> str:
    if name in SET_BY_RUN:
        return " [set by make run]"
    if name in NOT_USED_BY_RUN:
        return " [not used by make run]"
    return f" [make run writes and uses {DEFAULT_FILES[name]} unless set]" if name in DEFAULT_FILES else ""


def _own_fields(part: type[BaseSettings]) -> dict[str, FieldInfo]:
    """The fields of the class itself; those that every service has are listed once."""
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
