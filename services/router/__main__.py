"""Start the router: ``python -m services.router --lane emergency``."""

from services.router.app import build_app
from services.router.settings import RouterSettings
from shared.process.starting import lane_option, read_settings, run_service


def main() -> None:
    """Serve one lane until SIGTERM."""
    lane = lane_option("Route the reports of one lane to the departments in charge.")
    settings = read_settings(lambda: RouterSettings(**lane))
    run_service(f"router-{settings.lane}", settings, build_app)


if __name__ == "__main__":
    main()
