"""The settings of stats from its environment."""

from pydantic import Field

from shared.settings import ServiceSettings


class StatsSettings(ServiceSettings):
    """Settings of the stats service, ``LAKSA_*``."""

    database_url: str = Field(
        description="sqlite+aiosqlite:///path/to/stats.db or postgresql+asyncpg://user:password@host/name"
    )
    database_pool_size: int = Field(default=5, ge=2, description="Connections to the database, readers included")
