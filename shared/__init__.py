"""Code that several services use. Never imports a service."""

VERSION = "0.1.0"  # the same as in pyproject.toml; services may run from a source tree that is not installed
