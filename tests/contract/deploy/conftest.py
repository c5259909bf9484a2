"""Fixtures: the compose file with made-up values for the generated variables."""

import pytest

from services.cli.deploy.compose_variables import variables
from tests.support.deploy.compose import ComposeFile, read_compose


@pytest.fixture(scope="module")
def made_up() -> dict[str, str]:
    """A distinct value for each generated variable."""
    return {
        variable.name: f"made-up-{number}" for number, variable in enumerate(variables()) if variable.make is not None
    }


@pytest.fixture(scope="module")
def compose(made_up: dict[str, str]) -> ComposeFile:
    """The file as docker compose reads it after `make up`."""
    return read_compose(made_up)
