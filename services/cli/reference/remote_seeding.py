"""``laksa seed``: the reference data for a pipeline that somebody else started, and the 112 table it then shows."""

import asyncio
from typing import Any

import aiohttp
from pydantic import ValidationError
from rich.console import Console

from services.cli.front_door import TABLE, FrontDoor, TryAgain
from services.cli.layout import Layout, read_json
from services.cli.reference.published_table import differences, table_of
from services.cli.reference.seeding import send_reference_data
from services.cli.settings import SeedSettings
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.errors import ConfigurationError, LaksaError

TABLE_SECONDS = 120.0
POLL_SECONDS = 0.5


async def seed(console: Console) -> int:
    """Send what was not sent yet, wait until stats shows the published table, and print it.

    Returns 0, or 1 where the table is another one when the time is up.

    Raises:
        LaksaError: a setting is missing, the keys cannot be read, intake refuses, or stats does not answer.
    """
    settings = _read_settings()
    keys = read_json(settings.api_keys_file).get("api_keys")
    if not isinstance(keys, dict):
        raise ConfigurationError(f"{settings.api_keys_file} holds no api_keys: set LAKSA_API_KEYS_FILE")
    services = {"intake": settings.intake_url, "stats": settings.stats_url}
    async with aiohttp.ClientSession() as session:
        door = FrontDoor(session, services=services, api_keys=keys)
        sent = await send_reference_data(Layout(settings.var_dir.absolute()), door, _say_nothing)
        console.print(f"the reference data are with intake, {sent} requests sent now")
        answer = await _wait_for_table(door)
    console.print(table_of(answer, CALLS_112_TANGERANG_2024))
    faults = differences(answer, CALLS_112_TANGERANG_2024)
    for fault in faults:
        console.print(f"the table is not the published one: {fault}")
    return 1 if faults else 0


def _read_settings() -> SeedSettings:
    try:
        return SeedSettings()
    except ValidationError as error:
        missing = ", ".join(f"LAKSA_{'_'.join(map(str, fault['loc']))}".upper() for fault in error.errors())
        raise ConfigurationError(f"Set {missing}; .env.example describes each") from None


async def _wait_for_table(door: FrontDoor) -> dict[str, Any]:
    """The table once it is right, or as it is when the time is up.

    Raises:
        LaksaError: stats did not answer at all.
    """
    answer: dict[str, Any] = {}
    try:
        async with asyncio.timeout(TABLE_SECONDS):
            while not answer or differences(answer, CALLS_112_TANGERANG_2024):
                answer = await _ask(door) or answer
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        if not answer:
            raise LaksaError(f"stats gave no answer in {TABLE_SECONDS:g} s: LAKSA_STATS_URL") from None
    return answer


async def _ask(door: FrontDoor) -> dict[str, Any] | None:
    try:
        return await door.ask_stats(TABLE)
    except TryAgain:
        return None


def _say_nothing(_confirmed: int, _total: int) -> None:
    """A log has no use for a progress bar."""
