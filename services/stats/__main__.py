"""Start stats: ``python -m services.stats``; ``laksa rebuild`` starts it with ``--rebuild``."""

import argparse
import asyncio
import sys

from services.stats.app import build_app, open_store
from services.stats.settings import StatsSettings
from shared.process.starting import read_settings, run_service


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description="Count every report and show the board.")
    parser.add_argument("--rebuild", action="store_true", help="Rebuild all counts from the facts, then exit")
    rebuild = parser.parse_args().rebuild
    settings = read_settings(StatsSettings)
    if rebuild:
        sys.stdout.write(f"{asyncio.run(_rebuild(settings))} reports recounted\n")
        return
    run_service("stats", settings, build_app, leaving=lambda app: app.state.parts.feed.close)


async def _rebuild(settings: StatsSettings) -> int:
    async with open_store(settings) as store:
        return await store.rebuild()


if __name__ == "__main__":
    main()
