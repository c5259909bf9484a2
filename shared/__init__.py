"""What the services have in common. Never imports a service."""

VERSION = "0.1.0"  # as in pyproject.toml; the services run from a source tree that need not be installed
