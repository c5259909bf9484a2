"""Start intake: ``python -m services.intake``."""

from services.intake.app import build_app
from services.intake.settings import IntakeSettings
from shared.process.starting import read_settings, run_service


def main() -> None:
    """Serve until SIGTERM."""
    run_service("intake", read_settings(IntakeSettings), build_app)


if __name__ == "__main__":
    main()
