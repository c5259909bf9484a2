"""What a deployment file gives a process, checked against the settings that the process reads.

It serves any file that starts processes of ours: hand over the command after ``python -m`` and the variables, with None
for a value that is not in the file (a secret's).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from services.cli.settings import CallCentreSettings
from services.intake.settings import IntakeSettings
from services.notifier.settings import NotifierSettings
from services.router.settings import RouterSettings
from services.stats.settings import StatsSettings
from shared.db.migrating import MigrationSettings
from shared.settings import KafkaSettings

Variables = Mapping[str, str | None]

PREFIX = "LAKSA_"
KAFKA = "LAKSA_KAFKA_"
READERS: Mapping[str, type[BaseSettings]] = {
    "services.intake": IntakeSettings,
    "services.router": RouterSettings,
    "services.notifier": NotifierSettings,
    "services.stats": StatsSettings,
    "services.notifier.migrate": MigrationSettings,
    "services.stats.migrate": MigrationSettings,
    "services.cli.main topics": KafkaSettings,
    "services.cli.demo.call_centre": CallCentreSettings,
}


def faults(command: Sequence[str], variables: Variables) -> list[str]:
    """What is wrong with the variables of a process: unknown, missing, or of a value that it would refuse."""
    reader = READERS.get(" ".join(command[:2])) or READERS.get(command[0])
    if reader is None:
        return [f"{command[0]} is no process of ours"]
    known = settings_of(reader)
    given = {name: value for name, value in variables.items() if name.startswith(PREFIX)} | _options(command)
    return [
        *(f"{name} is unknown to {command[0]}" for name in given if name not in known),
        *(f"{name} is required" for name, info in known.items() if info.is_required() and name not in given),
        *(
            f"{name} cannot be {given[name]!r}"
            for name in given
            if name in known and not _does(given[name], known[name])
        ),
        *(f"{name} is required with SASL" for name in _sasl_names(given) if name not in given),
    ]


def settings_of(reader: type[BaseSettings]) -> dict[str, FieldInfo]:
    """All variables that a settings class reads, those of Kafka too."""
    found: dict[str, FieldInfo] = {}
    for field, info in reader.model_fields.items():
        if info.annotation is KafkaSettings:
            found |= settings_of(KafkaSettings)
        else:
            found[f"{reader.model_config['env_prefix']}{field}".upper()] = info
    return found


def _options(command: Sequence[str]) -> dict[str, str]:
    """Settings that stand on the command line."""
    return {f"{PREFIX}LANE": value for option, value in pairwise(command) if option == "--lane"}


def _does(value: str | None, info: FieldInfo) -> bool:
    if value is None:
        return True  # a secret: only the cluster knows it
    annotation: Any = info.annotation
    try:
        TypeAdapter(Annotated[annotation, info]).validate_python(value)
    except ValidationError:
        return False
    return True


def _sasl_names(given: Variables) -> Iterator[str]:
    if str(given.get(f"{KAFKA}SECURITY_PROTOCOL")).startswith("SASL"):
        yield from (f"{KAFKA}SASL_USERNAME", f"{KAFKA}SASL_PASSWORD")
