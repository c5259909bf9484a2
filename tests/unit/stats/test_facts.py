"""A fact holds nothing that could name a person who reported (S4)."""

import pytest

from services.stats.facts import FACT_MODELS, MISFORMED, TEXT_LIMIT, fact_from, fact_of
from shared.domain.taxonomy import default_taxonomy
from shared.events import catalogue
from shared.events.envelope import Attributes
from shared.events.models import ReportRegistered, ReportStatusChanged
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import fact

CANARY = "Budi Kanari +6281234567890"


def test_a_fact_survives_being_kept() -> None:
    """Written and read back it is the same."""
    for told in (
        lifecycle.registered(),
        lifecycle.decided(informed=["BPBD"]),
        lifecycle.status_changed(),
        lifecycle.delivery(state="failed", status_code=500),
    ):
        kept = fact(told)
        assert fact_from(kept.event_id, kept.kind, kept.body) == kept


def test_a_departments_note_is_not_kept() -> None:
    """It is free text; whoever publishes it on the lifecycle topic by mistake does not fill our tables with it."""
    told = lifecycle.status_changed()
    assert isinstance(told.event, ReportStatusChanged)
    noted = told.event.model_copy(update={"note": CANARY})
    kept = fact_of(told.attributes, noted)
    assert "Kanari" not in kept.body


def test_unknown_fields_of_a_body_are_not_kept() -> None:
    """The models ignore them, and only what the models know is written."""
    told = lifecycle.registered()
    body = told.event.model_dump_json()[:-1] + f', "reporter": "{CANARY}"}}'
    kept = fact_of(told.attributes, ReportRegistered.model_validate_json(body))
    assert "Kanari" not in kept.body


@pytest.mark.parametrize("category", [CANARY, "budi", "081234567890", "+6281", "INF PJU", "A" * 50, "INF-PJU\x00"])
def test_a_code_that_is_none_is_replaced(category: str) -> None:
    """Names and phone numbers are not written like codes, also where the decision repeats its inputs."""
    kept = fact(lifecycle.registered(category=category, kecamatan=category))
    assert isinstance(kept.event, ReportRegistered)
    assert (kept.event.category, kept.event.kecamatan) == (MISFORMED, MISFORMED)
    told = lifecycle.decided(
        inputs={"channel": "112", "category": category, "received_at": lifecycle.START.isoformat()}
    )
    assert category not in fact(told).body


def test_the_citys_own_codes_are_kept() -> None:
    """All categories, sub-districts, and well-formed ones of a newer taxonomy."""
    taxonomy = default_taxonomy()
    for code in (*taxonomy.categories, *taxonomy.kecamatan, "XXX-BELUM-ADA"):
        kept = fact(lifecycle.registered(category=code))
        assert isinstance(kept.event, ReportRegistered)
        assert kept.event.category == code


def test_control_characters_and_overlong_text_are_cut() -> None:
    """PostgreSQL refuses NUL, which would be a poison pill found late (bad input 2)."""
    kept = fact(lifecycle.decided(why="a\x00b" + "c" * 1000))
    assert "\\u0000" not in kept.body
    assert len(kept.body) < TEXT_LIMIT + 700


def test_every_fact_of_the_lifecycle_has_a_name() -> None:
    """The names that the history shows; the submitted report itself is no fact of ours."""
    names = {fact_of(Attributes("1", kind, "s", "r"), lifecycle.event_of(kind)).name for kind in FACT_MODELS}
    assert names == {
        "registered", "routed", "triaged", "ended", "rejected", "status_changed",
        "delivered", "failed", "acknowledged", "escalated", "exhausted",
    }  # fmt: skip
    assert catalogue.SUBMITTED not in FACT_MODELS
