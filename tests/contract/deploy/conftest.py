"""The compose file with made-up values for whatever the generator makes."""

import pytest

from services.cli.deploy.compose_variables import variables
from tests.support.deploy.compose import ComposeFile, read_compose


@pytest.fixture(scope="module")
def made_up() -> dict[str, str]:
    """A value for each variable that the generator makes; none is another's."""
    return {one.name: f"made-up-{number}" for number, one in enumerate(variables()) if one.make is not None}


@pytest.fixture(scope="module")
def compose(made_up: dict[str, str]) -> ComposeFile:
    """The file as docker compose would see it after `make up`."""
    return read_compose(made_up)
