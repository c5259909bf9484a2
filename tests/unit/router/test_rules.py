"""The decision is total, deterministic and as the promises require."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.routing_table import PACKAGED, load_routing_table
from services.router.rules import (
    Ended,
    Responsibility,
    Routed,
    RoutingTable,
    TableVersion,
    Triaged,
    category_code,
    decide,
    inputs_of,
)
from shared.domain.lanes import CallType, Channel, Mode
from shared.domain.taxonomy import default_taxonomy
from shared.events.models import DecisionInputs, Target
from tests.support.builders.records import RECEIVED_AT, submitted

TAXONOMY = default_taxonomy()
TABLE = load_routing_table(PACKAGED, TAXONOMY)

words = st.one_of(
    st.sampled_from([*TAXONOMY.categories, *CallType, *Mode, *Channel, "", " ", "INF-PJU ", "inf-pju", "\x00", "🔥"]),
    st.text(max_size=40),
)
moments = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=7))]))
any_inputs = st.builds(
    DecisionInputs,
    channel=words,
    category=st.none() | words,
    call_type=st.none() | words,
    mode=words,
    location_suspect=st.booleans(),
    received_at=moments,
)


def _inputs(category: str | None = "INF-PJU", **changes: object) -> DecisionInputs:
    fields = {"channel": "112", "category": category, "received_at": RECEIVED_AT} | changes
    return DecisionInputs.model_validate(fields)


@given(any_inputs)
def test_every_report_gets_exactly_one_decision(given_inputs: DecisionInputs) -> None:
    """R1: any fields give one decision, which has exactly one owner unless the report ends there."""
    decision = decide(given_inputs, TABLE)

    owners = [target.opd for target in decision.targets if target.role == "owner"]
    assert len(owners) == (0 if isinstance(decision, Ended) else 1)
    assert len({target.opd for target in decision.targets}) == len(decision.targets)
    assert all(target.opd in TAXONOMY.opds for target in decision.targets)


@given(any_inputs)
def test_the_same_inputs_always_decide_the_same(given_inputs: DecisionInputs) -> None:
    """R3: a table that was loaded again makes the same decision."""
    assert decide(given_inputs, load_routing_table(PACKAGED, TAXONOMY)) == decide(given_inputs, TABLE)


@given(any_inputs)
def test_what_a_decision_says_fits_a_header(given_inputs: DecisionInputs) -> None:
    """Rule, version and reason are short printable ASCII and never quote what a reporter wrote."""
    decision = decide(given_inputs, TABLE)

    for text in (decision.rule, decision.table_version, decision.why):
        assert text.isascii()
        assert text.isprintable()
        assert len(text) < 200


@pytest.mark.parametrize("code", TAXONOMY.categories)
def test_a_known_category_goes_to_its_departments(code: str) -> None:
    """Each of the 36 categories goes to its owner and informs the departments that the taxonomy names."""
    category = TAXONOMY.categories[code]

    decision = decide(_inputs(code), TABLE)

    assert isinstance(decision, Routed)
    assert decision.rule == f"category:{code}"
    assert decision.targets == Responsibility(category.opd, category.also).targets()


@pytest.mark.parametrize(("category", "rule"), [(None, "category:missing"), ("NEW-CODE", "category:unknown")])
def test_what_nobody_can_name_goes_to_the_live_room(category: str | None, rule: str) -> None:
    """R1: a missing or unknown category is triaged, never refused."""
    decision = decide(_inputs(category), TABLE)

    assert isinstance(decision, Triaged)
    assert decision.rule == rule
    assert decision.targets == (Target(opd="LIVEROOM", role="owner"),)


def test_a_general_complaint_is_routed_to_the_live_room() -> None:
    """GEN-ASPIRASI is routed to its department, the Live Room, and is not a triage."""
    decision = decide(_inputs("GEN-ASPIRASI"), TABLE)

    assert isinstance(decision, Routed)
    assert decision.targets == (Target(opd="LIVEROOM", role="owner"),)


@pytest.mark.parametrize("call_type", ["prank", "ghost", "information", " PRANK "])
@pytest.mark.parametrize("category", [None, "FIR-KEBAKARAN", "NEW-CODE"])
def test_calls_that_need_nobody_end_at_the_router(call_type: str, category: str | None) -> None:
    """A prank call ends at the router, whatever its category."""
    decision = decide(_inputs(category, call_type=call_type), TABLE)

    assert isinstance(decision, Ended)
    assert decision.targets == ()


@pytest.mark.parametrize("category", [None, "FIR-KEBAKARAN", "NEW-CODE"])
def test_a_dropped_call_is_called_back(category: str | None) -> None:
    """A dropped call goes to the Live Room's desk, whatever its category."""
    decision = decide(_inputs(category, call_type="dropped", location_suspect=True), TABLE)

    assert isinstance(decision, Triaged)
    assert decision.rule == "call_type:dropped"


@pytest.mark.parametrize("call_type", ["normal", "NORMAL", "darurat", ""])
def test_an_unknown_call_type_counts_as_normal(call_type: str) -> None:
    """An unknown call type is treated as normal."""
    assert decide(_inputs("FIR-KEBAKARAN", call_type=call_type), TABLE) == decide(_inputs("FIR-KEBAKARAN"), TABLE)


def test_an_impossible_place_is_triaged_and_the_departments_know_at_once() -> None:
    """Class 6: an impossible location makes the Live Room the owner; fire brigade and PLN are informed at once."""
    decision = decide(_inputs("FIR-KEBAKARAN", location_suspect=True), TABLE)

    assert isinstance(decision, Triaged)
    assert decision.rule == "location_suspect:FIR-KEBAKARAN"
    assert [(target.opd, target.role) for target in decision.targets] == [
        ("LIVEROOM", "owner"),
        ("BPBD", "informed"),
        ("PLN", "informed"),
    ]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("channel", Channel)
def test_mode_and_channel_change_no_decision(mode: Mode, channel: Channel) -> None:
    """Mode and channel do not change the decision."""
    assert decide(_inputs(mode=mode, channel=channel), TABLE) == decide(_inputs(), TABLE)


def test_the_version_valid_at_received_at_decides() -> None:
    """A report is decided by the version valid at its received_at, also when it is read again later."""
    change = RECEIVED_AT + timedelta(hours=1)
    table = RoutingTable([_table_version("new", change, "DLH"), _table_version("old", RECEIVED_AT, "DPUPR")])

    def owner_at(moment: datetime) -> tuple[str, str]:
        decision = decide(_inputs(received_at=moment), table)
        return decision.targets[0].opd, decision.table_version

    assert owner_at(change - timedelta(microseconds=1)) == ("DPUPR", "old")
    assert owner_at(change) == ("DLH", "new")
    assert owner_at(RECEIVED_AT - timedelta(days=400)) == ("DPUPR", "old")


def _table_version(name: str, valid_from: datetime, owner: str) -> TableVersion:
    return TableVersion(
        name,
        valid_from,
        categories={"INF-PJU": Responsibility(owner)},
        ended=frozenset({CallType.PRANK}),
        triaged=frozenset({CallType.DROPPED}),
    )


@given(st.text())
def test_only_codes_pass_into_the_decision_record(category: str) -> None:
    """Text in the category field, such as a phone number, is not published in the decision."""
    code = category_code(category)

    assert code in {None, "UNKNOWN"} or (code == category and code.isascii() and code.upper() == code)


@pytest.mark.parametrize("code", TAXONOMY.categories)
def test_every_category_of_the_taxonomy_passes_as_a_code(code: str) -> None:
    """Every category of the taxonomy matches the pattern of codes."""
    assert category_code(code) == code


@pytest.mark.parametrize("typed", ["081234567890", "Budi, Jl. Merdeka 5", "FIR-KEBAKARAN\n", "fir-kebakaran"])
def test_what_is_no_code_is_replaced(typed: str) -> None:
    """A value that is not a code is replaced."""
    assert category_code(typed) == "UNKNOWN"


def test_the_inputs_hold_what_decides_and_nothing_else() -> None:
    """The inputs have all that the decision depends on and no personal data."""
    report = submitted(category="TRA-LAKA", call_type=" Ghost ", mode="exercise", flags=("location_suspect",))

    assert inputs_of(report) == DecisionInputs(
        channel="112",
        category="TRA-LAKA",
        call_type="ghost",
        mode="exercise",
        location_suspect=True,
        received_at=RECEIVED_AT,
    )
