"""Settings that a command needs from the environment; the error names missing or invalid ones."""

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from shared.errors import ConfigurationError

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def required(settings: type[SettingsT]) -> SettingsT:
    """Read the settings from the environment.

    Raises:
        ConfigurationError: variables are missing or invalid; the message names them.
    """
    try:
        return settings()
    except ValidationError as error:
        prefix = settings.model_config["env_prefix"]
        names = ", ".join(f"{prefix}{'_'.join(map(str, fault['loc']))}".upper() for fault in error.errors())
        raise ConfigurationError(f"Set {names}; .env.example describes each") from None
