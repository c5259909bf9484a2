"""The command that sends the reference data to a pipeline that runs elsewhere."""

from rich.console import Console

from services.cli.outcome import finish


def seed_command() -> None:
    """Send the reference data to an intake that runs elsewhere, wait for the 112 table, and show it.

    The addresses and keys come from LAKSA_INTAKE_URL, LAKSA_STATS_URL and LAKSA_API_KEYS_FILE. What was sent is
    remembered in LAKSA_VAR_DIR: a repeat sends nothing twice. Ends with 1 where the table is not the published one.
    """
    from services.cli.reference.remote_seeding import seed

    console = Console(highlight=False)
    finish(seed(console), console)
