"""What the command line reads from its environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

DatabaseKind = Literal["sqlite", "postgres"]

PROJECT = Path(__file__).resolve().parents[2]


class CliSettings(BaseSettings):
    """Settings of ``laksa``; what concerns the services is handed on to them."""

    model_config = SettingsConfigDict(env_prefix="LAKSA_", extra="ignore")

    var_dir: Path = Field(default=PROJECT / "var", description="Where `laksa run` keeps all data, logs and keys")
    ports: Literal["fixed", "free"] = Field(
        default="fixed", description="fixed: the usual port where it is free, else another one; free: any free ports"
    )
    db: DatabaseKind | None = Field(
        default=None, description="Database of notifier and stats, the first time sqlite and then what it was before"
    )
    reference_data: bool = Field(default=True, description="Whether `laksa run` sends the reference data")


class CallCentreSettings(BaseSettings):
    """Settings of the demo call centre, ``python -m services.cli.call_centre``."""

    model_config = SettingsConfigDict(env_prefix="LAKSA_", extra="ignore")

    http_host: str = Field(default="127.0.0.1", description="Address the HTTP server binds to")
    http_port: int = Field(default=8106, ge=0, le=65535, description="Port of the HTTP server; 0 takes a free one")
    endpoints_file: Path = Field(description="The endpoints file that the notifier reads: it holds the secrets")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least severe line")
