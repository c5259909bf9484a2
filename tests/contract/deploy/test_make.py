"""`make up`, `make down` and `make ps` without a Docker engine."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.deploy.compose import PROJECT
from tests.support.machine import needed


@pytest.mark.parametrize("target", ["up", "down", "ps"])
def test_without_an_engine_it_says_what_to_do(target: str, tmp_path: Path) -> None:
    """Without a Docker engine they fail with one sentence before they create anything."""
    make = needed("make", "make")
    environment = os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"}
    existed = (PROJECT / ".env").exists()
    done = subprocess.run(
        [make, target], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode != 0
    assert "No Docker engine with its compose plugin answers here" in done.stderr
    assert "make run" in done.stderr
    assert (PROJECT / ".env").exists() == existed
