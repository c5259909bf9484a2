"""The API of stats: counts, accounts, lists and single reports, strictly validated and without personal data."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.domain.lanes import CallType
from tests.support.apps.stats_app import StatsApp, stats_app
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import facts
from tests.support.builders.lifecycle import START

UNKNOWN_ID = "7b0f9f4e-0000-4000-8000-000000000000"


async def test_the_112_report_of_the_published_period(stats: StatsApp) -> None:
    """The response for the published period is exactly the published one."""
    await stats.count(facts(*lifecycle.calls_of_2024()))
    answer = await stats.get("/v1/stats/112?from=2024-01&to=2024-07")
    assert answer.json() == {
        "total": 376,
        "rows": [
            {"key": "agd", "label": "AGD", "count": 122},
            {"key": "animals", "label": "Hewan", "count": 67},
            {"key": "fallen_trees", "label": "Pohon tumbang", "count": 30},
            {"key": "fire", "label": "Kebakaran", "count": 29},
            {"key": "other", "label": "Lainnya", "count": 128},
        ],
    }


async def test_the_112_report_of_an_empty_period_has_all_lines(stats: StatsApp) -> None:
    """A period without calls gives five lines of zero instead of an empty table."""
    answer = (await stats.get("/v1/stats/112?from=2020-01&to=2020-01")).json()
    assert (answer["total"], [row["count"] for row in answer["rows"]]) == (0, [0] * 5)


async def test_the_112_report_counts_normal_calls_to_112_only(stats: StatsApp) -> None:
    """Pranks and other channels do not count, and months are those of Jakarta."""
    new_year = datetime(2023, 12, 31, 17, 0, tzinfo=UTC)
    calls = [lifecycle.registered(n, channel="112", call_type=kind) for n, kind in enumerate(CallType)]
    edge = lifecycle.registered(9, channel="112", call_type="normal", occurred_at=new_year)
    await stats.count(facts(*calls, edge, lifecycle.registered(10)))
    assert (await stats.get("/v1/stats/112?from=2026-11&to=2026-11")).json()["total"] == 1
    assert (await stats.get("/v1/stats/112?from=2024-01&to=2024-01")).json()["total"] == 1
    assert (await stats.get("/v1/stats/112?from=2023-12&to=2023-12")).json()["total"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "/v1/stats/112",
        "/v1/stats/112?from=2024-01",
        "/v1/stats/112?from=2024-1&to=2024-07",
        "/v1/stats/112?from=2024-13&to=2024-14",
        "/v1/stats/112?from=2024-07&to=2024-01",
        "/v1/stats/112?from=2024-01-01&to=2024-07-31",
        "/v1/stats/112?from=2024-01&to=2024-07&chanel=112",
        "/v1/stats",
        "/v1/stats?group_by=reporter",
        "/v1/stats?group_by=opd&from=2024-02-31",
        "/v1/stats?group_by=opd&from=0000-01",
        "/v1/reports?limit=0",
        "/v1/reports?limit=201",
        "/v1/reports?limit=banyak",
        "/v1/reports?lane=slow",
        "/v1/reports?channel=telex",
        "/v1/reports?opd=%00",
        "/v1/reports?category=';DROP",
        "/v1/reports?cursor=bukan",
        "/v1/reports?cursor=%F0%9F%98%80",
        "/v1/reports?nama=Budi",
        "/v1/reports/bukan-id",
    ],
)
async def test_a_wrong_question_is_a_problem_of_422(stats: StatsApp, query: str) -> None:
    """An invalid parameter gives a 422 with a stable code that does not repeat the sent value."""
    answer = await stats.get(query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid"
    assert "Budi" not in answer.text


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        ("day", [("2026-11-20", "2026-11-20", 3)]),
        ("channel", [("112", "112", 2), ("laksa", "LAKSA", 1)]),
        ("category", [("INF-PJU", "Lampu PJU padam", 2), ("NONE", "Tanpa kategori", 1)]),
        ("rollup", [("other", "Lainnya", 3)]),
        ("opd", [("DISHUB", "Dinas Perhubungan", 2), ("NONE", "Tanpa OPD", 1)]),
        ("kecamatan", [("CIPONDOH", "Cipondoh", 2), ("NONE", "Tidak diketahui", 1)]),
        ("call_type", [("NONE", "Bukan panggilan", 1), ("normal", "Normal", 1), ("prank", "Iseng", 1)]),
        ("status", [("routed", "Diteruskan", 2), ("ended", "Berakhir di router", 1)]),
    ],
)
async def test_counts_by_every_dimension(stats: StatsApp, dimension: str, expected: list[tuple[str, str, int]]) -> None:
    """The counts of each dimension have the same total, without exercises."""
    await stats.count(
        facts(
            lifecycle.registered(1),
            lifecycle.decided(1),
            lifecycle.registered(2, channel="112", call_type="normal"),
            lifecycle.decided(2),
            lifecycle.registered(3, channel="112", call_type="prank", category=None, kecamatan=None),
            lifecycle.decided(3, "ended", None),
            lifecycle.registered(4, mode="exercise"),
        )
    )
    answer = (await stats.get(f"/v1/stats?group_by={dimension}")).json()
    assert [(row["key"], row["label"], row["count"]) for row in answer["rows"]] == expected
    assert (answer["group_by"], answer["total"]) == (dimension, 3)


async def test_counts_take_days_and_months(stats: StatsApp) -> None:
    """A window by days or months includes its end, and either side may be open."""
    await stats.count(facts(*lifecycle.calls_of_2024()))
    assert (await stats.get("/v1/stats?group_by=channel&from=2024-07-31&to=2024-07-31")).json()["total"] >= 1
    first_half = (await stats.get("/v1/stats?group_by=day&to=2024-03")).json()["total"]
    second_half = (await stats.get("/v1/stats?group_by=day&from=2024-04-01")).json()["total"]
    assert first_half + second_half == 376


async def test_conservation_is_exactly_two_lanes_of_six_figures(stats: StatsApp) -> None:
    """The accounts have six figures for each of the two lanes, with zeros for an empty lane."""
    await stats.count(facts(lifecycle.registered(1), lifecycle.registered(2), lifecycle.decided(2, "rejected", None)))
    assert (await stats.get("/v1/conservation")).json() == {
        "emergency": {"accepted": 0, "routed": 0, "triaged": 0, "ended": 0, "rejected": 0, "difference": 0},
        "routine": {"accepted": 2, "routed": 0, "triaged": 0, "ended": 0, "rejected": 1, "difference": 1},
    }


async def test_pages_follow_each_other_without_gap_or_repetition(stats: StatsApp) -> None:
    """Paging stays complete while new reports arrive, and if many have the same received_at."""
    moment = lifecycle.START
    await stats.count(facts(*(lifecycle.registered(n, received_at=moment) for n in range(25))))
    seen: list[str] = []
    path = "/v1/reports?limit=10"
    while True:
        page = (await stats.get(path)).json()
        seen.extend(report["report_id"] for report in page["reports"])
        await stats.count(facts(lifecycle.registered(1000 + len(seen))))
        if page["next"] is None:
            break
        path = f"/v1/reports?limit=10&cursor={page['next']}"
    assert sorted(seen) == sorted(str(lifecycle.report_id(n)) for n in range(25))


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [4, 3, 2, 1]),
        ("channel=112", [2]),
        ("category=NONE", [3]),
        ("opd=DISHUB", [1]),
        ("opd=NONE", [4, 3, 2]),
        ("status=routed", [1]),
        ("lane=emergency", [2]),
        ("mode=exercise", [4]),
        ("from=2024-01&to=2024-12", [3]),
        ("from=2026-11-20&to=2026-11-20&lane=routine&mode=live", [1]),
        ("opd=PLN", []),
    ],
)
async def test_reports_are_filtered(stats: StatsApp, query: str, numbers: list[int]) -> None:
    """Each filter works, also combined with others; exercises are listed with their mode."""
    await stats.count(
        facts(
            lifecycle.registered(1),
            lifecycle.decided(1),
            lifecycle.registered(2, channel="112", lane="emergency", call_type="normal"),
            lifecycle.registered(3, category=None, occurred_at=datetime(2024, 5, 1, tzinfo=UTC)),
            lifecycle.registered(4, mode="exercise"),
            lifecycle.decided(5),
        )
    )
    found = (await stats.get(f"/v1/reports?{query}")).json()["reports"]
    assert [report["report_id"] for report in found] == [str(lifecycle.report_id(number)) for number in numbers]


async def test_one_report_with_everything_that_happened(stats: StatsApp) -> None:
    """A report has its status, its owner and informed departments with deliveries, its history and the reason."""
    await stats.count(
        facts(
            lifecycle.registered(category="DIS-POHON"),
            lifecycle.decided(owner="DISBUDPARMAN", informed=["BPBD"]),
            lifecycle.delivery(opd="DISBUDPARMAN"),
            lifecycle.delivery(opd="BPBD", state="failed", role="informed", at=START + timedelta(seconds=4)),
            lifecycle.delivery(
                opd="DISBUDPARMAN", state="acknowledged", acknowledged_by="Piket 1", at=START + timedelta(minutes=1)
            ),
            lifecycle.status_changed(to="in_progress", opd="DISBUDPARMAN"),
        )
    )
    found = (await stats.get(f"/v1/reports/{lifecycle.report_id(0)}")).json()
    assert (found["status"], found["public_status"], found["owner"]) == ("in_progress", "proses", "DISBUDPARMAN")
    assert (found["rule"], found["table_version"], found["outcome"]) == ("taxonomy", "2024-01-01", "routed")
    assert found["why"]
    standing = [(target["opd"], target["role"], target["status"]) for target in found["targets"]]
    assert standing == [("DISBUDPARMAN", "owner", "in_progress"), ("BPBD", "informed", "routed")]
    deliveries = [delivery for target in found["targets"] for delivery in target["deliveries"]]
    assert [(delivery["endpoint"], delivery["state"], delivery["attempts"]) for delivery in deliveries] == [
        ("disbudparman-callcentre", "acknowledged", 1),
        ("bpbd-callcentre", "retrying", 1),
    ]
    assert [(entry["what"], entry["by"]) for entry in found["history"]] == [
        ("registered", "intake"),
        ("routed", "router"),
        ("delivered", "notifier"),
        ("failed", "notifier"),
        ("acknowledged", "Piket 1"),
        ("status_changed", "Petugas DISBUDPARMAN"),
    ]


@pytest.mark.parametrize("number", [None, 1])
async def test_a_report_that_is_not_registered_is_not_yet_known(stats: StatsApp, number: int | None) -> None:
    """An unregistered report is a 404 with Retry-After, because `status_url` may be requested at once."""
    await stats.count(facts(lifecycle.decided(1)))
    answer = await stats.get(f"/v1/reports/{lifecycle.report_id(number) if number else UNKNOWN_ID}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_yet_known")
    assert int(answer.headers["retry-after"]) >= 1


async def test_no_read_holds_a_reporter_what_was_said_or_where_exactly(stats: StatsApp) -> None:
    """Canary values in every field that a producer may fill wrongly reach no response, table or metric (S4)."""
    canary = "Kanari 081234567890"
    changed = lifecycle.status_changed()
    await stats.count(
        facts(
            lifecycle.registered(category=canary, kecamatan=canary),
            lifecycle.decided(inputs={"channel": "112", "category": canary, "received_at": lifecycle.START}),
            lifecycle.received(changed.attributes.type, changed.event.model_copy(update={"note": canary})),
        )
    )
    pages = [f"/v1/reports/{lifecycle.report_id(0)}", "/v1/reports", "/v1/stats?group_by=category", "/", "/metrics"]
    for path in (*pages, "/v1/stats?group_by=kecamatan", f"/laporan/{lifecycle.report_id(0)}"):
        answer = await stats.get(path)
        assert answer.status_code == 200
        assert "Kanari" not in answer.text
        assert "0812345" not in answer.text
    reads = (await stats.get("/openapi.json")).text
    for personal in ("reporter", "phone", "latitude", "longitude", "note", "landmark"):
        assert f'"{personal}"' not in reads


async def test_a_database_that_is_away_is_503(tmp_path: Path) -> None:
    """Without a database, the API answers 503 with Retry-After and the board with a notice, never with empty data."""
    async with stats_app(tmp_path / "no-such-folder", with_tables=False) as stats:
        answer = await stats.get("/v1/conservation")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "retry-after" in answer.headers
        page = await stats.get("/")
        assert page.status_code == 503
        assert "Basis data tidak menjawab" in page.text
