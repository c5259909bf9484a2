"""``laksa seed``: sends the reference data to a pipeline that runs elsewhere and shows the 112 table."""

import aiohttp
from rich.console import Console

from services.cli.front_door import FrontDoor
from services.cli.layout import Layout, read_json
from services.cli.reference.published_table import differences, table_of
from services.cli.reference.seeding import send_reference_data
from services.cli.reference.table_wait import wait_for_table
from services.cli.required_settings import required
from services.cli.settings import SeedSettings
from shared.domain.published import CALLS_112_TANGERANG_2024
from shared.errors import ConfigurationError


async def seed(console: Console) -> int:
    """Send what was not sent yet, wait until stats shows the whole table, and print it.

    Returns 0, or 1 where the table is not the published one.

    Raises:
        LaksaError: a setting is missing, the keys cannot be read, intake refuses, or stats does not answer.
    """
    settings = required(SeedSettings)
    keys = read_json(settings.api_keys_file).get("api_keys")
    if not isinstance(keys, dict):
        raise ConfigurationError(f"{settings.api_keys_file} holds no api_keys: set LAKSA_API_KEYS_FILE")
    services = {"intake": settings.intake_url, "stats": settings.stats_url}
    async with aiohttp.ClientSession() as session:
        door = FrontDoor(session, services=services, api_keys=keys)
        sent = await send_reference_data(Layout(settings.var_dir.absolute()), door, _say_nothing)
        console.print(f"Reference data: {sent} requests sent now, all are with intake")
        answer = await wait_for_table(door, advice="check LAKSA_STATS_URL")
    console.print(table_of(answer, CALLS_112_TANGERANG_2024))
    faults = differences(answer, CALLS_112_TANGERANG_2024)
    for fault in faults:
        console.print(f"The table is not the published one: {fault}")
    return 1 if faults else 0


def _say_nothing(_confirmed: int, _total: int) -> None:
    """`laksa seed` runs in a container, where nobody watches a progress bar."""
