import json
from uuid import UUID, uuid5

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from shared.domain.identity import (
    NAMESPACE,
    delivery_id,
    event_id,
    event_id_text,
    normalise_ticket,
    report_id_of,
    submitted_event_id,
    ticket_number,
)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NAMES = st.text(min_size=1).filter(str.strip)
IDS = st.uuids()
GOLDEN = {
    "report": "5b1f5568-8fe7-5a9e-a44c-d92edd7451f1",
    "key": "d196b282-e36e-5bed-887f-a8d076cc3f97",
    "position": "2d10f6fb-f49c-5497-8271-6865b937bad9",
    "submitted": "81c4b675-1cbc-58cd-9bb5-401f664b00fb",
    "event": "c0c39379-0a86-5a8e-bff4-99f4e0990c1a",
    "delivery": "f6ba5675-de24-5bac-b213-c9a3b0a23269",
    "ticket": "LKS-M165N-K2P8T-THK",
}


@given(NAMES, NAMES, st.none() | st.binary(min_size=1))
def test_the_same_reference_is_the_same_report(channel: str, reference: str, digest: bytes | None) -> None:
    """Channel and reference, with a digest if given, determine the id; nothing else does."""
    first = report_id_of(channel, reference, "key-1", ("topic", 0, 1), digest)
    again = report_id_of(channel, reference, "key-2", None, digest)
    assert first == again
    assert first.version == 5


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_two_different_names_are_two_reports(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Moving text between channel and reference gives another id."""
    assume(one != other)
    assert report_id_of(*one) != report_id_of(*other)


def test_the_parts_of_a_name_cannot_run_into_one_another() -> None:
    """Separators inside a reference do not change its meaning."""
    assert report_id_of("a", "b:c") != report_id_of("a:b", "c")
    assert report_id_of("a", '","') != report_id_of('a","', "")
    assert report_id_of("a", json.dumps(["x"])) != report_id_of("a", "x")


def test_a_reference_a_key_and_a_position_of_the_same_text_are_three_reports() -> None:
    """The kind of identifier is part of the name."""
    assert (
        len(
            {
                report_id_of("web", source_reference="x"),
                report_id_of("web", idempotency_key="x"),
                report_id_of("web", kafka_position=("x", 0, 0)),
                report_id_of("web", source_reference="x", body_digest=b"other"),
            }
        )
        == 4
    )


@pytest.mark.parametrize("blank", [None, "", "   ", "\t"])
def test_a_blank_reference_names_nothing(blank: str | None) -> None:
    """Two reports with an empty reference are two reports, not a repeat."""
    assert report_id_of("112", blank) != report_id_of("112", blank)
    assert report_id_of("112", blank, idempotency_key="k") == report_id_of("112", idempotency_key="k")


def test_a_record_is_named_by_its_position() -> None:
    """A record of Kafka that is read again is the same report; its neighbour is another one."""
    here = report_id_of("112", kafka_position=("channels.112.v1", 1, 41))
    assert here == report_id_of("112", kafka_position=("channels.112.v1", 1, 41))
    assert here != report_id_of("112", kafka_position=("channels.112.v1", 1, 42))
    assert here != report_id_of("112", kafka_position=("channels.112.v1", 14, 1))


def test_a_report_without_any_name_gets_a_new_id_of_version_7() -> None:
    """Without any identifier, the id is a new UUIDv7."""
    one, other = report_id_of("web"), report_id_of("web")
    assert one != other
    assert (one.version, type(one)) == (7, UUID)


def test_ids_never_change_between_releases() -> None:
    """The derived ids equal the golden values."""
    report = report_id_of("112", "CAD-1")
    assert str(report) == GOLDEN["report"]
    assert str(report_id_of("laksa", idempotency_key="k")) == GOLDEN["key"]
    assert str(report_id_of("112", kafka_position=("channels.112.v1", 0, 7))) == GOLDEN["position"]
    assert str(submitted_event_id(report, b"\x01")) == GOLDEN["submitted"]
    assert str(event_id(report, "report.assigned", "BPBD", 2)) == GOLDEN["event"]
    assert str(delivery_id(report, "bpbd-callcentre")) == GOLDEN["delivery"]
    assert ticket_number(report) == GOLDEN["ticket"]


@given(st.uuids(), st.text(st.characters()), st.text(st.characters()), st.integers(-1, 10**12))
def test_an_event_id_is_the_uuid5_of_a_json_array(source: UUID, kind: str, place: str, ordinal: int) -> None:
    """The standard library derives the same id, also with lone surrogates and control characters."""
    wanted = uuid5(NAMESPACE, json.dumps(["event", str(source), kind, place, ordinal]))

    assert event_id(source, kind, place, ordinal) == wanted
    assert event_id_text(str(source), kind, place, ordinal) == str(wanted)


@given(IDS, st.text(), st.text(), st.integers(0, 10), st.integers(0, 10))
def test_an_event_id_tells_every_part_apart(source: UUID, kind: str, place: str, first: int, second: int) -> None:
    """Another kind, destination or ordinal gives another id; equal inputs give the same id."""
    one = event_id(source, kind, place, first)
    assert one == event_id(str(source), kind, place, first)
    assert (one == event_id(source, kind, place, second)) == (first == second)
    assert one != event_id(source, kind + "x", place, first)
    assert one != event_id(source, kind, place + "x", first)


@given(IDS, st.binary(), st.binary())
def test_the_submitted_event_hangs_on_the_body(report: UUID, body: bytes, other: bytes) -> None:
    """The same report with another body is another event."""
    assert (submitted_event_id(report, body) == submitted_event_id(report, other)) == (body == other)


@given(IDS)
def test_a_delivery_has_one_id_per_endpoint(ce_id: UUID) -> None:
    """The webhook id is the same on every try and differs between endpoints."""
    assert delivery_id(ce_id, "a") == delivery_id(str(ce_id), "a")
    assert delivery_id(ce_id, "a") != delivery_id(ce_id, "b")


@given(IDS)
def test_a_ticket_is_readable_and_survives_typing(report: UUID) -> None:
    """Lower case, spaces, no hyphens, no prefix, O for 0 and l for 1: still the same ticket."""
    ticket = ticket_number(report)
    symbols = ticket.removeprefix("LKS-")
    assert len(ticket) == len("LKS-XXXXX-XXXXX-XXX")
    assert set(symbols.replace("-", "")) <= set(ALPHABET)
    for typed in (
        ticket,
        ticket.lower(),
        ticket.replace("-", " "),
        symbols,
        symbols.replace("-", ""),
        f" lks{symbols.replace('0', 'O').replace('1', 'l')} ",
    ):
        assert normalise_ticket(typed) == ticket


@given(IDS, st.integers(0, 12), st.sampled_from(ALPHABET))
def test_the_check_symbol_finds_one_wrong_symbol(report: UUID, place: int, symbol: str) -> None:
    """Any single misread symbol is noticed."""
    symbols = list(ticket_number(report).removeprefix("LKS-").replace("-", ""))
    assume(symbols[place] != symbol)
    symbols[place] = symbol
    assert normalise_ticket("".join(symbols)) is None


@given(IDS, st.integers(0, 12), st.integers(0, 12))
def test_the_check_symbol_finds_two_swapped_symbols(report: UUID, one: int, other: int) -> None:
    """Any two symbols in the wrong order are noticed."""
    symbols = list(ticket_number(report).removeprefix("LKS-").replace("-", ""))
    assume(symbols[one] != symbols[other])
    symbols[one], symbols[other] = symbols[other], symbols[one]
    assert normalise_ticket("".join(symbols)) is None


@given(st.text())
def test_nonsense_is_no_ticket(text: str) -> None:
    """Every input gives a well-formed ticket or None."""
    ticket = normalise_ticket(text)
    assert ticket is None or normalise_ticket(ticket) == ticket


def test_tickets_of_neighbours_in_time_are_not_alike() -> None:
    """Ids of the same millisecond give different tickets, nearly always within the first five symbols."""
    tickets = [ticket_number(uuid7()) for _ in range(2_000)]
    assert len(set(tickets)) == 2_000
    assert len({ticket[:9] for ticket in tickets}) > 1_980
