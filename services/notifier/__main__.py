"""Start one notifier: ``python -m services.notifier --lane emergency``."""

from services.notifier.app import build_app
from services.notifier.settings import NotifierSettings
from shared.process.starting import lane_option, read_settings, run_service


def main() -> None:
    """Serve one lane until SIGTERM."""
    lane = lane_option("Push departments their reports until somebody has acknowledged them.")
    settings = read_settings(lambda: NotifierSettings(**lane))
    run_service(f"notifier-{settings.lane}", settings, build_app)


if __name__ == "__main__":
    main()
