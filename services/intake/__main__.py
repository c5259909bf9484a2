"""Start intake: ``python -m services.intake``."""

import sys

from services.intake.app import build_app
from services.intake.settings import IntakeSettings
from shared.errors import ConfigurationError
from shared.observability.logs import configure_logs
from shared.observability.ops import serve


def main() -> None:
    """Serve until SIGTERM."""
    settings = IntakeSettings()
    configure_logs("intake", settings.log_level)
    try:
        app = build_app(settings)
    except ConfigurationError as error:
        sys.exit(str(error))
    serve(
        app,
        host=settings.http_host,
        port=settings.http_port,
        graceful_seconds=settings.graceful_timeout.total_seconds(),
    )


if __name__ == "__main__":
    main()
