"""The flags that intake gives are those of the catalogue, each with its meaning."""

import pytest

from services.intake.bodies import CallBody, PersonBody, PlaceBody
from services.intake.faults import PLACE_CODES, Fault
from services.intake.salvage import FLAG_OF_MENDING, salvage
from shared.domain import flags
from shared.domain.flags import MEANINGS, meaning_of

FIELDS = sorted({*CallBody.model_fields, *PlaceBody.model_fields, *PersonBody.model_fields})
CODES = ["string_type", "string_too_long", "extra_forbidden", "missing", "control_characters", *sorted(PLACE_CODES)]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", FIELDS)
def test_whatever_field_of_a_call_is_lost_the_flag_has_a_meaning(name: str, code: str) -> None:
    """Every field and every fault gives a flag that `laksa report` can explain."""
    for only_drop in (False, True):
        _, given = salvage({name: "value", "place": {}}, [Fault((name,), code, limit=1)], only_drop=only_drop)
        assert set(given) <= set(MEANINGS)


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in ("place", "latitude", "longitude")])
def test_a_field_that_is_left_out_is_named(name: str) -> None:
    """The flag and its meaning are of that field, not of any field."""
    assert salvage({name: []}, [Fault((name,), "string_type")], only_drop=True) == ({}, [f"{name}_unusable"])
    assert MEANINGS[f"{name}_unusable"] != MEANINGS[flags.FIELD_UNUSABLE]


def test_the_catalogue_holds_every_flag_of_the_module_and_no_other_field() -> None:
    """A new flag without a meaning, or the flag of a field that calls do not have, fails here."""
    named = {value for name, value in vars(flags).items() if name.isupper() and isinstance(value, str)}
    assert named | {f"{name}_unusable" for name in FIELDS} >= set(MEANINGS)
    assert set(MEANINGS) >= named | set(FLAG_OF_MENDING.values())


def test_every_meaning_is_a_sentence() -> None:
    """It starts with a capital letter and ends with a full stop."""
    assert all(text[0].isupper() and text.endswith(".") for text in MEANINGS.values())


def test_a_flag_of_a_newer_intake_is_shown_as_unknown() -> None:
    """The command does not fail on a flag that it does not know."""
    assert meaning_of("invented_later") == "This version does not know the flag."
