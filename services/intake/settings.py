"""Settings of intake, from ``LAKSA_*`` environment variables."""

from datetime import timedelta
from pathlib import Path

from pydantic import ByteSize, Field, field_validator

from shared.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """Settings of the intake process."""

    spool_directory: Path = Field(description="Folder of the spool files, one per lane, on a local disk")
    channels_file: Path = Field(description="YAML file with the channels' hashed API keys; keep its mode at 0600")
    stats_url: str = Field(
        default="http://127.0.0.1:8105", description="Public base of the stats service, for status_url"
    )
    spool_limit: ByteSize = Field(
        default=ByteSize(2 * 1024**3),
        description="Size of a lane's spool file, e.g. 2GiB; at 70 % of it routine reports are refused with 503",
    )
    reports_in_hand: int = Field(
        default=100,
        ge=1,
        description="How many reports may be in hand at once; past that routine ones get 503, emergencies never",
    )
    body_timeout: timedelta = Field(
        default=timedelta(seconds=10), description="How long a request's body may take to arrive, in seconds"
    )

    @field_validator("stats_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")
