"""Removes the developer's own settings from the environment of the tested pipelines."""

import os

import pytest

# `make test` passes these on, and a `make run` below it would then print "Entering directory" around its output
OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LAKSA_")]:
        monkeypatch.delenv(name)
    for name in OF_MAKE:
        monkeypatch.delenv(name, raising=False)
