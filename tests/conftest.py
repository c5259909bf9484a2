"""What holds for every test: logs go where pytest captures them, and properties are about truth, not about speed."""

import hypothesis
import pytest
import structlog

# one slow example on a busy machine is no counterexample
hypothesis.settings.register_profile("laksa", deadline=None)
hypothesis.settings.load_profile("laksa")


@pytest.fixture(scope="session", autouse=True)
def _logs_to_pytest() -> None:
    """Without this, structlog prints to stdout and draws each traceback with all locals, which takes half a second."""
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
