"""The records that the router makes of a report: targets, ids and unchanged bodies."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from services.router.metrics import RouterMetrics
from services.router.routing import PLANS, Routing, UnreadableReport
from services.router.routing_table import PACKAGED, load_routing_table
from services.router.rules import inputs_of
from shared.domain.identity import event_id
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.errors import UnreadableBody
from shared.events.catalogue import ASSIGNED, DECISIONS, UNREADABLE
from shared.events.envelope import attributes_of
from shared.events.models import Place, ReportDecided, Reporter, ReportSubmitted
from shared.events.outgoing import OutgoingRecord
from shared.messaging.received import Received
from shared.observability.tracing import trace_id_of
from tests.support.builders.records import (
    RECEIVED_AT,
    TRACEPARENT,
    consumer_record,
    received,
    submitted,
    submitted_headers,
)
from tests.support.kafka.producer import headers

TAXONOMY = default_taxonomy()
TABLE = load_routing_table(PACKAGED, TAXONOMY)
JAKARTA = timezone(timedelta(hours=7))
DECIDED_AT = RECEIVED_AT + timedelta(seconds=2)


class _Setup:
    """A router of one lane with a fixed clock and its metrics."""

    def __init__(self, lane: Lane = Lane.ROUTINE, now: datetime = DECIDED_AT) -> None:
        self.registry = CollectorRegistry()
        self.routing = Routing(TABLE, lane, RouterMetrics(self.registry, lane), now=lambda: now)
        self.lane = lane

    async def route(self, *reports: ReportSubmitted) -> list[OutgoingRecord]:
        """Return the records of these reports."""
        return list(await self.routing.route_reports([received(report) for report in reports]))

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a metric of this lane."""
        return self.registry.get_sample_value(name, {"lane": str(self.lane)} | labels) or 0.0


def _decision_in(records: list[OutgoingRecord]) -> ReportDecided:
    (record,) = [record for record in records if record.topic == "lifecycle.v1"]
    return ReportDecided.model_validate_json(record.value)


async def test_each_target_gets_the_report_and_the_lifecycle_one_decision() -> None:
    """A fallen tree goes to its owner, the parks department, and informs BPBD; one decision names both."""
    records = await _Setup().route(submitted(category="DIS-POHON"))

    assert [record.topic for record in records] == [
        "opd.disbudparman.routine.v1",
        "opd.bpbd.routine.v1",
        "lifecycle.v1",
    ]
    assert [headers(record).get("ce_role") for record in records] == ["owner", "informed", None]
    decided = _decision_in(records)
    assert decided.outcome == "routed"
    assert decided.owner == "DISBUDPARMAN"
    assert [(target.opd, target.role) for target in decided.targets] == [
        ("DISBUDPARMAN", "owner"),
        ("BPBD", "informed"),
    ]


async def test_the_body_is_forwarded_untouched() -> None:
    """The body is forwarded byte for byte, with spaces, key order and unknown fields."""
    report = submitted()
    body = b'{ "novel": {"b": 1, "a": [2]},  ' + report.model_dump_json().encode()[1:]
    incoming = Received(attributes_of(dict(_text(submitted_headers(report)))), report, body, "reports.routine.v1")

    records = await _Setup().routing.route_reports([incoming])

    assert records[0].value == body


def _text(pairs: list[tuple[str, bytes]]) -> list[tuple[str, str]]:
    return [(name, value.decode()) for name, value in pairs]


async def test_a_departments_record_says_why_it_is_there() -> None:
    """The headers of a department's record have id, type, role, rule, table version, reason and trace."""
    report = submitted(category="FIR-KEBAKARAN", lane="emergency")

    records = await _Setup(Lane.EMERGENCY).route(report)

    said = headers(records[1])
    submitted_id = dict(_text(submitted_headers(report)))["ce_id"]
    assert said == {
        "ce_specversion": "1.0",
        "ce_id": str(event_id(submitted_id, "report.assigned", "PLN")),
        "ce_type": ASSIGNED,
        "ce_source": "/laksa/router",
        "ce_subject": str(report.report_id),
        "ce_time": "2026-11-20T03:00:02Z",
        "ce_lane": "emergency",
        "ce_category": "FIR-KEBAKARAN",
        "ce_opd": "PLN",
        "ce_mode": "live",
        "ce_role": "informed",
        "ce_rule": "category:FIR-KEBAKARAN",
        "ce_table": "2016-1",
        "ce_why": "BPBD is in charge of FIR-KEBAKARAN",
        "content-type": "application/json",
        "traceparent": said["traceparent"],
        "correlation_id": str(report.report_id),
    }
    assert trace_id_of(said["traceparent"]) == trace_id_of(TRACEPARENT)
    assert {record.key for record in records} == {str(report.report_id).encode()}


@pytest.mark.parametrize(
    ("report", "outcome", "topics"),
    [
        (submitted(category="INF-PJU"), "routed", ["opd.dishub.routine.v1"]),
        (submitted(category="GEN-ASPIRASI"), "routed", ["opd.liveroom.routine.v1"]),
        (submitted(category="TYPO"), "triaged", ["opd.liveroom.routine.v1"]),
        (submitted(category=None), "triaged", ["opd.liveroom.routine.v1"]),
        (submitted(call_type="dropped"), "triaged", ["opd.liveroom.routine.v1"]),
        (submitted(call_type="prank"), "ended", []),
    ],
)
async def test_one_decision_record_whatever_the_outcome(
    report: ReportSubmitted, outcome: str, topics: list[str]
) -> None:
    """Every report has one decision, whose id does not depend on the outcome, so that it is counted once."""
    setup = _Setup()

    *assigned, decided = await setup.route(report)

    assert [record.topic for record in assigned] == topics
    said = headers(decided)
    assert said["ce_type"] == DECISIONS[outcome]
    assert said["ce_id"] == str(event_id(received(report).attributes.id, "report.decided"))
    assert setup.count("laksa_reports_decided_total", outcome=outcome) == 1


async def test_a_triage_raises_its_alarm() -> None:
    """R1: a triaged report is counted by rule, for the alarm."""
    setup = _Setup(Lane.EMERGENCY)

    await setup.route(submitted(category="TYPO"), submitted(2, category=None), submitted(3, category="INF-PJU"))

    assert setup.count("laksa_triage_alarms_total", rule="category:unknown") == 1
    assert setup.count("laksa_triage_alarms_total", rule="category:missing") == 1
    assert setup.count("laksa_received_to_decided_seconds_count") == 3


@given(
    category=st.none() | st.text() | st.sampled_from(sorted(TAXONOMY.categories)),
    call_type=st.none() | st.text() | st.sampled_from(["normal", "prank", "dropped"]),
    mode=st.text() | st.sampled_from(["live", "exercise", "backfill"]),
    channel=st.text(),
    flags=st.lists(st.sampled_from(["location_suspect", "category_unknown"]), max_size=2),
)
async def test_any_report_ends_in_one_decision_and_valid_headers(
    category: str | None, call_type: str | None, mode: str, channel: str, flags: list[str]
) -> None:
    """R1: over all strings, one decision, at least one destination unless it ends there, and headers that are text."""
    report = submitted(call_type=call_type, category=category, mode=mode, channel=channel, flags=tuple(flags))

    *assigned, _ = records = await _Setup().routing.route_reports([_on_the_way(report)])

    decided = _decision_in(list(records))
    assert len(assigned) == len(decided.targets)
    assert bool(assigned) == (decided.outcome != "ended")
    for record in records:
        assert all(value.isascii() and value.isprintable() for value in headers(record).values())


@given(
    category=st.none() | st.text() | st.sampled_from(sorted(TAXONOMY.categories)),
    call_type=st.none() | st.sampled_from(["normal", "prank", "dropped", "\u00e9"]),
    mode=st.text() | st.sampled_from(["live", "exercise", "backfill"]),
    channel=st.text() | st.just("laksa"),
    flags=st.lists(st.sampled_from(["location_suspect", "category_unknown"]), max_size=2),
    received_at=st.datetimes(timezones=st.sampled_from([UTC, JAKARTA, timezone(-timedelta(hours=3))])),
    decided_at=st.datetimes(timezones=st.just(UTC)),
)
async def test_a_decision_is_written_as_its_model_writes_it(
    decided_at: datetime, received_at: datetime, flags: list[str], **fields: Any
) -> None:
    """A decision made from cached parts equals `ReportDecided` byte for byte, for the first of a kind and the next."""
    made = submitted(received_at=received_at, flags=tuple(flags), **fields)
    report = ReportSubmitted.model_validate_json(made.model_dump_json())
    setup = _Setup(now=decided_at)

    for number in (1, 2):
        another = report.model_copy(update={"report_id": UUID(int=number)})
        *_, record = await setup.routing.route_reports([_on_the_way(another)])

        decided = ReportDecided.model_validate_json(record.value)
        assert record.value == decided.model_dump_json().encode()
        assert (decided.report_id, decided.inputs) == (another.report_id, inputs_of(another))
        assert decided.decided_at == decided_at


async def test_reports_that_differ_are_never_decided_alike() -> None:
    """A router that has cached one kind of report decides every other kind as a new router does."""
    seen = _Setup()
    kinds: list[dict[str, Any]] = [
        {"category": "INF-PJU"},
        {"category": "INF-PJU", "flags": ("location_suspect",)},
        {"category": "INF-PJU", "channel": "web"},
        {"category": "INF-PJU", "mode": "exercise"},
        {"category": "INF-PJU", "call_type": "prank"},
        {"category": "INF-PJU", "call_type": "dropped"},
        {"category": None},
        {"category": "   "},
        {"category": "not a code"},
        {"category": "ZZ-ZZ"},
    ]
    reports = [submitted(number, **fields) for number, fields in enumerate(kinds)]
    for report in (*reports, *reports):
        fresh, known = await _Setup().route(report), await seen.route(report)

        assert [_content(record) for record in known] == [_content(record) for record in fresh]


def _content(record: OutgoingRecord) -> tuple[str, bytes, bytes, dict[str, str]]:
    return record.topic, record.key, record.value, _without_trace(record)


def _without_trace(record: OutgoingRecord) -> dict[str, str]:
    return {name: value for name, value in headers(record).items() if name != "traceparent"}


async def test_invented_categories_do_not_fill_the_memory() -> None:
    """The cache of kinds of reports is limited and does not store invalid codes."""
    setup = _Setup()
    invented = [submitted(number, category=f"ZZ-{number}") for number in range(10, PLANS + 20)]
    noise = [submitted(number, category="x" * 1_000 + str(number)) for number in range(10)]

    for report in (*invented, *noise):
        await setup.route(report)

    assert setup.routing.remembered_kinds == 10


def _on_the_way(report: ReportSubmitted) -> Received[ReportSubmitted]:
    plain = submitted(report_id=report.report_id)
    return Received(attributes_of(dict(_text(submitted_headers(plain)))), report, b"{}", "reports.routine.v1")


async def test_a_repeat_publishes_the_same_events() -> None:
    """R3: a report that is read again a minute later gives the same topics, ids and decision."""
    report = submitted(category="DIS-BANJIR")

    first = await _Setup().route(report)
    again = await _Setup(now=DECIDED_AT + timedelta(minutes=1)).route(report)

    def identity(records: list[OutgoingRecord]) -> list[Any]:
        return [(record.topic, record.key, headers(record)["ce_id"], headers(record)["ce_type"]) for record in records]

    assert identity(first) == identity(again)
    assert [record.value for record in first[:-1]] == [record.value for record in again[:-1]]
    before, after = _decision_in(first), _decision_in(again)
    assert before == after.model_copy(update={"decided_at": before.decided_at})
    assert len({event for _, _, event, _ in identity(first)}) == len(first)


async def test_the_lifecycle_holds_no_personal_data() -> None:
    """The lifecycle topic, which is kept forever, has no personal data."""
    canaries = ["Budi Canary", "081200009999", "canary@example.id", "Jalan Canary 7", "-6.17812345", "CANARY-REF"]
    report = submitted(
        category="081200009999",
        text="Budi Canary, Jalan Canary 7",
        reporter=Reporter(name="Budi Canary", phone="081200009999", email="canary@example.id"),
        place=Place(latitude=-6.17812345, longitude=106.6, landmark="Jalan Canary 7"),
        source_reference="CANARY-REF",
    )

    *assigned, decided = await _Setup().route(report)

    published = decided.value.decode() + repr(decided.headers) + repr([record.headers for record in assigned])
    assert [canary for canary in canaries if canary in published] == []


async def test_an_exercise_stays_one_on_every_record() -> None:
    """Every record of an exercise is marked, so that only exercise endpoints get it."""
    records = await _Setup(Lane.EMERGENCY).route(submitted(category="MED-AMBULANS", mode="exercise"))

    assert {headers(record)["ce_mode"] for record in records} == {"exercise"}
    assert _decision_in(records).mode == "exercise"


async def test_what_intake_could_not_read_reaches_the_live_room_raw() -> None:
    """A report.unreadable is forwarded byte for byte, not as JSON, and not counted as decided."""
    setup = _Setup(Lane.EMERGENCY)
    own_id, subject = "11111111-1111-5111-8111-111111111111", "22222222-2222-5222-8222-222222222222"
    record = consumer_record(
        b"\xff{broken",
        [("ce_id", own_id.encode()), ("ce_type", UNREADABLE.encode()), ("ce_subject", subject.encode())],
        topic="reports.emergency.v1",
    )

    (forwarded,) = await setup.routing.route_reports([UnreadableReport(record)])

    said = headers(forwarded)
    assert forwarded.topic == "opd.liveroom.emergency.v1"
    assert forwarded.value == b"\xff{broken"
    assert forwarded.key == subject.encode()
    assert (said["ce_type"], said["ce_role"], said["ce_opd"]) == (UNREADABLE, "owner", "LIVEROOM")
    assert said["ce_id"] == str(event_id(own_id, "report.unreadable", "LIVEROOM"))
    assert said["content-type"] == "application/octet-stream"
    assert setup.count("laksa_unreadable_emergencies_total") == 1


@given(
    value=st.none() | st.binary(max_size=50),
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "ce_subject", "ce_mode", "traceparent", "x"]), st.none() | st.binary(max_size=20)
        )
    ),
)
async def test_any_bad_record_has_a_fallback(value: bytes | None, pairs: list[tuple[str, bytes | None]]) -> None:
    """Any bad record has a fallback: null, binary and missing headers, and tombstones."""
    record = consumer_record(value, pairs, topic="reports.emergency.v1", offset=7)
    routing = _Setup(Lane.EMERGENCY).routing

    (passed_on,) = routing.fallback(record, UnreadableBody("The body is not JSON"))
    (again,) = routing.fallback(record, UnreadableBody("The body is not JSON"))

    assert passed_on.topic == "opd.liveroom.emergency.v1"
    assert passed_on.value == (value or b"")
    said = attributes_of(headers(passed_on))
    assert UUID(said.subject)
    assert said.extensions["mode"] in {"live", "exercise"}
    assert "unreadable_body" in said.extensions["why"]
    assert headers(again)["ce_id"] == said.id


async def test_a_huge_bad_record_is_cut_so_that_it_can_be_written() -> None:
    """A bad record of a megabyte is truncated and does not block the emergency lane."""
    record = consumer_record(b"x" * 1_000_000, topic="reports.emergency.v1")

    (passed_on,) = _Setup(Lane.EMERGENCY).routing.fallback(record, UnreadableBody("The body is not JSON"))

    assert len(passed_on.value) == 128 * 1024


async def test_the_decision_is_dated_when_it_was_made() -> None:
    """A decision has the time at which it was made, not the time of the report."""
    records = await _Setup(now=datetime(2026, 11, 20, 5, tzinfo=UTC)).route(submitted())

    assert orjson.loads(records[-1].value)["decided_at"] == "2026-11-20T05:00:00Z"
