"""Settings of the notifier, from ``LAKSA_*`` environment variables."""

from pathlib import Path

from pydantic import Field, field_validator

from shared.domain.lanes import Lane
from shared.settings import ServiceSettings


class NotifierSettings(ServiceSettings):
    """Settings of a notifier process, which serves one lane."""

    lane: Lane = Field(description="The lane this process serves: emergency or routine; --lane goes first")
    database_url: str = Field(description="Database of this lane, e.g. sqlite+aiosqlite:///var/notifier.db")
    endpoints_file: Path = Field(description="YAML file that names the departments' endpoints; keep its mode at 0600")
    public_url: str = Field(description="Base of the ack_url that receivers call back, e.g. http://127.0.0.1:8103")
    stats_url: str = Field(
        default="http://127.0.0.1:8105", description="Public base of the stats service, for the link in routine pushes"
    )

    @field_validator("public_url", "stats_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")
