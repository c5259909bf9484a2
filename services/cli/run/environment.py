"""Which ``LAKSA_*`` variables of the person's environment reach the processes of a run.

``.env.example`` states the same for each variable: its generator reads the lists below.
"""

from collections.abc import Mapping
from pathlib import Path

from services.cli.run.embedded_kafka.resolve import GIVEN
from shared.errors import ConfigurationError

CHANNELS, ENDPOINTS = "LAKSA_CHANNELS_FILE", "LAKSA_ENDPOINTS_FILE"
PREFIX, KAFKA_PREFIX = "LAKSA_", "LAKSA_KAFKA_"
# The supervisor gives each process its own value.
SET_BY_RUN = frozenset(
    {
        "LAKSA_HTTP_HOST",
        "LAKSA_HTTP_PORT",
        "LAKSA_GRACEFUL_TIMEOUT",
        "LAKSA_SPOOL_DIRECTORY",
        "LAKSA_STATS_URL",
        "LAKSA_LANE",
        "LAKSA_DATABASE_URL",
        "LAKSA_PUBLIC_URL",
    }
)
# Read by other commands, or by a call centre that is started on its own.
NOT_USED_BY_RUN = frozenset(
    {"LAKSA_TLS_CERTIFICATE_FILE", "LAKSA_TLS_KEY_FILE", "LAKSA_INTAKE_URL", "LAKSA_API_KEYS_FILE"}
)
FILES = (CHANNELS, ENDPOINTS, "LAKSA_ROUTING_TABLE", "LAKSA_KAFKA_SSL_CA_FILE")


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What every process of the run gets: all but the ignored variables, with absolute paths; empty ones are unset.

    Raises:
        ConfigurationError: a variable names a file that does not exist.
    """
    handed_on = {
        name: value
        for name, value in environment.items()
        if not name.startswith(PREFIX) or (value and _why_ignored(name, environment) is None)
    }
    return handed_on | {name: _existing(name, handed_on[name]) for name in FILES if name in handed_on}


def ignored(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that is set and has no effect on a run."""
    reasons = {name: _why_ignored(name, environment) for name, value in sorted(environment.items()) if value}
    return [f"{name} is ignored: {reason}" for name, reason in reasons.items() if reason is not None]


def _why_ignored(name: str, environment: Mapping[str, str]) -> str | None:
    if name in SET_BY_RUN:
        return "make run sets it for each process"
    if name in NOT_USED_BY_RUN:
        return "make run does not use it"
    if name.startswith(KAFKA_PREFIX) and not environment.get(GIVEN):
        return f"make run starts its own Kafka unless {GIVEN} is set"
    return None


def _existing(name: str, value: str) -> str:
    path = Path(value).expanduser().absolute()
    if not path.is_file():
        raise ConfigurationError(f"{name} names {path}, which is not a file. Correct it, or unset {name}")
    return str(path)
