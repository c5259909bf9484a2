"""A fact has no personal data of the reporter (S4)."""

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
    """A stored fact is read back unchanged."""
    for received in (
        lifecycle.registered(),
        lifecycle.decided(informed=["BPBD"]),
        lifecycle.status_changed(),
        lifecycle.delivery(state="failed", status_code=500),
    ):
        kept = fact(received)
        assert fact_from(kept.event_id, kept.kind, kept.body) == kept


def test_a_departments_note_is_not_kept() -> None:
    """A department's note, which is free text, is not stored even if it is published by mistake."""
    received = lifecycle.status_changed()
    assert isinstance(received.event, ReportStatusChanged)
    noted = received.event.model_copy(update={"note": CANARY})
    kept = fact_of(received.attributes, noted)
    assert "Kanari" not in kept.body


def test_unknown_fields_of_a_body_are_not_kept() -> None:
    """Fields that the models do not know are not stored."""
    received = lifecycle.registered()
    body = received.event.model_dump_json()[:-1] + f', "reporter": "{CANARY}"}}'
    kept = fact_of(received.attributes, ReportRegistered.model_validate_json(body))
    assert "Kanari" not in kept.body


@pytest.mark.parametrize("category", [CANARY, "budi", "081234567890", "+6281", "INF PJU", "A" * 50, "INF-PJU\x00"])
def test_a_code_that_is_none_is_replaced(category: str) -> None:
    """Values without the form of a code, such as names and phone numbers, are replaced, also in a decision's inputs."""
    kept = fact(lifecycle.registered(category=category, kecamatan=category))
    assert isinstance(kept.event, ReportRegistered)
    assert (kept.event.category, kept.event.kecamatan) == (MISFORMED, MISFORMED)
    received = lifecycle.decided(
        inputs={"channel": "112", "category": category, "received_at": lifecycle.START.isoformat()}
    )
    assert category not in fact(received).body


def test_the_citys_own_codes_are_kept() -> None:
    """All categories and sub-districts are kept, and unknown codes of the right form."""
    taxonomy = default_taxonomy()
    for code in (*taxonomy.categories, *taxonomy.kecamatan, "XXX-BELUM-ADA"):
        kept = fact(lifecycle.registered(category=code))
        assert isinstance(kept.event, ReportRegistered)
        assert kept.event.category == code


def test_control_characters_and_overlong_text_are_cut() -> None:
    """Control characters, which PostgreSQL refuses, and overlong text are cut (bad input 2)."""
    kept = fact(lifecycle.decided(why="a\x00b" + "c" * 1000))
    assert "\\u0000" not in kept.body
    assert len(kept.body) < TEXT_LIMIT + 700


def test_every_fact_of_the_lifecycle_has_a_name() -> None:
    """Every lifecycle event type has a name for the history; the submitted report is not a fact."""
    names = {fact_of(Attributes("1", kind, "s", "r"), lifecycle.event_of(kind)).name for kind in FACT_MODELS}
    assert names == {
        "registered", "routed", "triaged", "ended", "rejected", "status_changed",
        "delivered", "failed", "acknowledged", "escalated", "exhausted",
    }  # fmt: skip
    assert catalogue.SUBMITTED not in FACT_MODELS
