"""Start of every service process: options, settings, logs, then serving; a configuration error is one sentence."""

import argparse
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.applications import Starlette

from shared.domain.lanes import Lane
from shared.errors import ConfigurationError
from shared.observability.logs import configure_logs
from shared.process.serving import serve
from shared.settings import KafkaSettings, ServiceSettings

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
AppT = TypeVar("AppT", bound=Starlette)


def lane_option(description: str) -> dict[str, Any]:
    """The ``--lane`` of the command line as a setting; empty if it was not given: then ``LAKSA_LANE`` decides."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--lane", choices=[lane.value for lane in Lane], help="Default: LAKSA_LANE")
    lane = parser.parse_args().lane
    return {"lane": Lane(lane)} if lane else {}


def read_settings(make: Callable[[], SettingsT]) -> SettingsT:
    """The settings from the environment; if they are invalid, the process ends and names the variables to set."""
    try:
        return make()
    except ValidationError as error:
        sys.exit("Invalid settings (.env.example describes each):\n" + "\n".join(_faults(error)))


def run_service(
    name: str,
    settings: SettingsT,
    build_app: Callable[[SettingsT], AppT],
    *,
    leaving: Callable[[AppT], Callable[[], Awaitable[None]]] | None = None,
) -> None:
    """Serve one service until SIGTERM.

    ``leaving`` returns, for the application, the function that ends its endless responses (a live stream).
    """
    configure_logs(name, settings.log_level)
    try:
        app = build_app(settings)
    except ConfigurationError as error:
        sys.exit(str(error))
    serve(
        app,
        host=settings.http_host,
        port=settings.http_port,
        graceful_seconds=settings.graceful_timeout.total_seconds(),
        leaving=leaving(app) if leaving else None,
    )


def _faults(error: ValidationError) -> list[str]:
    prefix = "LAKSA_KAFKA_" if error.title == KafkaSettings.__name__ else "LAKSA_"
    return [
        f"  {prefix}{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" if fault["loc"] else f"  {fault['msg']}"
        for fault in error.errors()
    ]
