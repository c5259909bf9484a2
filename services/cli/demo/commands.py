"""The command that runs the demo call centre alone."""

from rich.console import Console

from services.cli.outcome import finish


def call_centre_command() -> None:
    """Run the demo call centre of all departments, with the secrets of LAKSA_ENDPOINTS_FILE, until Ctrl-C."""
    from services.cli.demo.call_centre import serve

    finish(serve, Console(highlight=False))
