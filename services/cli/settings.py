"""Settings of the command line, from ``LAKSA_*`` environment variables."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DatabaseKind = Literal["sqlite", "postgres"]

PROJECT = Path(__file__).resolve().parents[2]


class CliSettings(BaseSettings):
    """Settings of ``laksa run``, ``report`` and ``tail``; a run hands the settings of the services on to them."""

    model_config = SettingsConfigDict(env_prefix="LAKSA_", env_ignore_empty=True, extra="ignore")

    var_dir: Path = Field(default=PROJECT / "var", description="Where `laksa run` keeps all data, logs and keys")
    ports: Literal["fixed", "free"] = Field(
        default="fixed", description="fixed: the usual port where it is free, else another one; free: any free ports"
    )
    db: DatabaseKind | None = Field(
        default=None,
        description="Database of notifier and stats, sqlite or postgres; default: that of the last run, else sqlite",
    )
    reference_data: bool = Field(default=True, description="Whether `laksa run` sends the reference data")


class CallCentreSettings(BaseSettings):
    """Settings of the demo call centre, ``laksa call-centre``."""

    model_config = SettingsConfigDict(env_prefix="LAKSA_", extra="ignore")

    http_host: str = Field(default="127.0.0.1", description="Address the HTTP server binds to")
    http_port: int = Field(default=8106, ge=0, le=65535, description="Port of the HTTP server; 0 takes a free one")
    endpoints_file: Path = Field(description="The notifier's endpoints file; it contains the secrets")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least severe line")
    tls_certificate_file: Path | None = Field(
        default=None, description="PEM certificate for https; without it http, for the loopback address only"
    )
    tls_key_file: Path | None = Field(default=None, description="PEM key of the certificate")


class SeedSettings(BaseSettings):
    """Settings of ``laksa seed``, which sends the reference data to a pipeline that runs elsewhere."""

    model_config = SettingsConfigDict(env_prefix="LAKSA_", extra="ignore")

    intake_url: str = Field(description="Address of intake")
    stats_url: str = Field(description="Address of stats")
    api_keys_file: Path = Field(
        description="JSON file with the channels' keys below api_keys; `laksa secrets` writes it"
    )
    var_dir: Path = Field(default=PROJECT / "var", description="Folder that keeps a list of what was sent")

    @field_validator("intake_url", "stats_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")
