"""Removes the developer's own settings from the environment of the tested pipelines."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LAKSA_")]:
        monkeypatch.delenv(name)
