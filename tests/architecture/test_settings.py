"""`.env.example` has every setting with its description."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from tests.support.deploy.env_example import FILE, PARTS, names, render

SOURCES = Path(__file__).resolve().parents[2]
READ_BY_HAND = re.compile(r"""["'](LAKSA_[A-Z_]+[A-Z])["']""")


def test_the_example_is_what_the_settings_say() -> None:
    """`.env.example` equals the output of `make env-example`."""
    assert FILE.read_text(encoding="utf-8") == render()


@pytest.mark.parametrize("part", PARTS.values(), ids=lambda part: part.__name__)
def test_every_setting_says_what_it_is(part: type[BaseSettings]) -> None:
    """Every setting has a description."""
    for field, info in part.model_fields.items():
        assert info.description, field


def test_no_setting_is_read_past_the_settings_classes() -> None:
    """Every LAKSA_* name in the code is in the example."""
    mentioned = {
        name
        for folder in ("services", "shared")
        for file in (SOURCES / folder).rglob("*.py")
        for name in READ_BY_HAND.findall(file.read_text(encoding="utf-8"))
    }
    assert mentioned <= names()
    assert "LAKSA_KAFKA_BOOTSTRAP_SERVERS" in mentioned
