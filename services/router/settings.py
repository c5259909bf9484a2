"""The router's settings from its environment."""

from pathlib import Path

from pydantic import Field

from shared.domain.lanes import Lane
from shared.settings import ServiceSettings


class RouterSettings(ServiceSettings):
    """The router's settings, ``LAKSA_*``; one process serves one lane."""

    lane: Lane = Field(description="The lane that this process serves: emergency or routine")
    routing_table: Path | None = Field(default=None, description="Routing table to use; default: the packaged one")
