"""The plan: the order of starting and stopping, and the settings of each program."""

from pathlib import Path

import pytest

from services.cli.layout import Layout
from services.cli.run.plan import KAFKA_STOP_SECONDS, SERVICES, STAGES, STOP_SECONDS, STOP_STAGES, Plan
from services.cli.run.ports import USUAL
from services.cli.run.running import STOP_ALL_SECONDS
from services.notifier.settings import NotifierSettings
from shared.domain.lanes import Lane

# each pair is a writer and its reader
WRITES_TO = [
    ("intake", "router-emergency"),
    ("intake", "router-routine"),
    ("router-emergency", "notifier-emergency"),
    ("router-routine", "notifier-routine"),
    ("intake", "stats"),
    ("router-emergency", "stats"),
    ("notifier-emergency", "call-centre"),
    ("notifier-routine", "call-centre"),
]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan on the usual ports."""
    return Plan(Layout(tmp_path), USUAL, {"LAKSA_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092"})


def place(name: str, stages: tuple[tuple[str, ...], ...]) -> int:
    """The number of a program's stage."""
    return next(number for number, stage in enumerate(stages) if name in stage)


def test_everything_starts_once_and_stops_once() -> None:
    """Every program is in exactly one stage of each order; Kafka and PostgreSQL stop last."""
    starting = sorted(name for stage in STAGES for name in stage)
    assert starting == sorted((*SERVICES, "call-centre"))
    stopping = sorted(name for stage in STOP_STAGES for name in stage)
    assert stopping == sorted((*starting, "kafka", "postgres"))
    assert STOP_STAGES[-1] == ("kafka", "postgres")
    assert set(USUAL) == set(stopping)


@pytest.mark.parametrize(("writer", "reader"), WRITES_TO)
def test_readers_start_before_writers_and_stop_after_them(writer: str, reader: str) -> None:
    """No report waits for a process that is still starting, and the last accepted report is still forwarded."""
    assert place(reader, STAGES) <= place(writer, STAGES)
    assert place(reader, STOP_STAGES) >= place(writer, STOP_STAGES)


def test_intake_starts_last_and_stops_first() -> None:
    """Intake accepts nothing while a process behind it is missing."""
    assert STAGES[-1] == STOP_STAGES[0] == ("intake",)


def test_all_stages_together_stop_within_what_is_promised(plan: Plan) -> None:
    """Each stage has a time limit, and their sum is below the 20 seconds that the screen promises."""
    assert {plan.program(name).stop_seconds for name in (*SERVICES, "call-centre")} == {STOP_SECONDS}
    assert STOP_SECONDS * (len(STOP_STAGES) - 1) + KAFKA_STOP_SECONDS < STOP_ALL_SECONDS


def test_each_program_listens_on_the_port_of_its_url(plan: Plan) -> None:
    """The address in run.json is where the process was told to listen."""
    for name in (*SERVICES, "call-centre"):
        program = plan.program(name)
        assert program.url == f"http://{program.environment['LAKSA_HTTP_HOST']}:{USUAL[name]}"
        assert program.environment["LAKSA_HTTP_PORT"] == str(USUAL[name])
        assert program.environment["LAKSA_KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:9092"
    assert set(plan.urls) == set(SERVICES)


def test_the_lanes_share_no_database_and_no_process(plan: Plan) -> None:
    """A SQLite file for each notifier and for stats; each lane's process gets its lane as an argument."""
    emergency, routine = (plan.program(f"notifier-{lane}") for lane in ("emergency", "routine"))
    databases = {program.environment["LAKSA_DATABASE_URL"] for program in (emergency, routine, plan.program("stats"))}
    assert len(databases) == 3
    assert list(emergency.command[-2:]) == ["--lane", "emergency"]
    assert list(routine.command[-2:]) == ["--lane", "routine"]


def test_a_receiver_calls_back_to_the_lane_that_pushed(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notifier reads its own public address from the environment that the plan gives it."""
    program = plan.program("notifier-routine")
    for name, value in program.environment.items():
        monkeypatch.setenv(name, value)
    assert str(NotifierSettings(lane=Lane.ROUTINE).public_url).rstrip("/") == program.url
