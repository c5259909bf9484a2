"""``laksa``: all commands. Each ``commands.py`` declares options and imports its implementation only when called."""

import typer

from services.cli.demo.commands import call_centre_command
from services.cli.deploy.commands import migrate_command, rebuild_command, secrets_command, topics_app
from services.cli.inspect.commands import (
    categories_command,
    opds_command,
    report_command,
    status_command,
    tail_command,
)
from services.cli.maintain.commands import asyncapi_command, maintain_app, routing_app, schemas_command
from services.cli.reference.commands import seed_command
from services.cli.run.commands import kafka_command, run_command

RUNNING = "Run"
LOOKING = "Look"
DEPLOYING = "Deploy"
MAINTAINING = "Maintain"

app = typer.Typer(
    help=(
        "LAKSA Pipeline: citizen reports and 112 calls of Kota Tangerang, from the channel to the department.\n\n"
        "[bold]laksa run[/bold] starts everything on this machine and shows the 112 table; "
        "[bold]laksa report[/bold] then sends one report and shows its life; "
        "[bold]laksa status[/bold] shows what runs. "
        "The addresses, pids and keys of the running pipeline are in var/run.json."
    ),
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("run", rich_help_panel=RUNNING)(run_command)
app.command("kafka", rich_help_panel=RUNNING)(kafka_command)
app.command("call-centre", rich_help_panel=RUNNING)(call_centre_command)
app.command("status", rich_help_panel=LOOKING)(status_command)
app.command("report", rich_help_panel=LOOKING)(report_command)
app.command("tail", rich_help_panel=LOOKING)(tail_command)
app.command("categories", rich_help_panel=LOOKING)(categories_command)
app.command("opds", rich_help_panel=LOOKING)(opds_command)
app.command("secrets", rich_help_panel=DEPLOYING)(secrets_command)
app.add_typer(topics_app, name="topics", rich_help_panel=DEPLOYING)
app.command("migrate", rich_help_panel=DEPLOYING)(migrate_command)
app.command("rebuild", rich_help_panel=DEPLOYING)(rebuild_command)
app.command("seed", rich_help_panel=DEPLOYING)(seed_command)
app.add_typer(routing_app, name="routing", rich_help_panel=MAINTAINING)
app.command("schemas", rich_help_panel=MAINTAINING)(schemas_command)
app.command("asyncapi", rich_help_panel=MAINTAINING)(asyncapi_command)
app.add_typer(maintain_app, name="maintain", rich_help_panel=MAINTAINING)

if __name__ == "__main__":
    app()
