"""Which LAKSA_* variables of the user reach the processes of a run, and the messages about the others."""

from pathlib import Path

import pytest

from services.cli.layout import Layout
from services.cli.run.environment import CHANNELS, ENDPOINTS, FILES, NOT_USED_BY_RUN, SET_BY_RUN, ignored, inherited
from services.cli.run.plan import SERVICES, Plan
from services.cli.run.ports import USUAL
from shared.errors import ConfigurationError
from tests.support.deploy.env_example import FILE, names

GIVEN = "LAKSA_KAFKA_BOOTSTRAP_SERVERS"
KAFKA = {name for name in names() if name.startswith("LAKSA_KAFKA_")}
EFFECTIVE = names() - SET_BY_RUN - NOT_USED_BY_RUN
PROCESSES = (*SERVICES, "call-centre")


@pytest.fixture
def everything(tmp_path: Path) -> dict[str, str]:
    """An environment with every variable of `.env.example`."""
    file = tmp_path / "file"
    file.touch()
    return {name: str(file) if name in FILES else "by the user" for name in names()}


def plan_of(environment: dict[str, str], folder: Path) -> Plan:
    """A plan for this environment, with a Kafka at an address of its own."""
    return Plan(Layout(folder), USUAL, {GIVEN: "127.0.0.1:9092"}, inherited=inherited(environment))


@pytest.mark.parametrize("name", sorted(EFFECTIVE - {GIVEN}))
def test_a_variable_takes_effect(name: str, everything: dict[str, str], tmp_path: Path) -> None:
    """A variable that takes effect reaches every process unchanged, without a message."""
    plan = plan_of(everything, tmp_path)
    needed_by = [process for process in PROCESSES if name in plan.program(process).environment]
    assert needed_by == list(PROCESSES)
    assert {plan.program(process).environment[name] for process in PROCESSES} == {everything[name]}
    assert not [sentence for sentence in ignored(everything) if name in sentence]


@pytest.mark.parametrize("name", sorted(SET_BY_RUN | NOT_USED_BY_RUN))
def test_a_variable_without_effect_is_named_once(name: str, everything: dict[str, str], tmp_path: Path) -> None:
    """An ignored variable reaches no process, is named in one message, and is marked in `.env.example`."""
    plan = plan_of(everything, tmp_path)
    assert "by the user" not in {plan.program(process).environment.get(name) for process in PROCESSES}
    assert "by the user" not in plan.migration("stats").environment.get(name, "")
    assert [sentence.startswith(f"{name} is ignored: ") for sentence in ignored(everything)].count(True) == 1
    mark = "[set by make run]" if name in SET_BY_RUN else "[not used by make run]"
    lines = FILE.read_text(encoding="utf-8").splitlines()
    described = [lines[at - 1] for at, line in enumerate(lines) if line.lstrip("#").startswith(f"{name}=")]
    assert described
    assert all(line.endswith(mark) for line in described)


@pytest.mark.parametrize("name", sorted(KAFKA - {GIVEN}))
def test_settings_of_a_kafka_are_ignored_without_its_address(name: str) -> None:
    """Kafka's security settings are ignored with the embedded Kafka, which has no passwords."""
    environment = {name: "1", GIVEN: ""}
    assert inherited(environment) == {}
    assert ignored(environment) == [f"{name} is ignored: make run starts its own Kafka unless {GIVEN} is set"]


def test_the_lists_name_only_variables_that_exist() -> None:
    """The lists of variables contain only existing settings."""
    assert SET_BY_RUN | NOT_USED_BY_RUN | set(FILES) <= names()
    assert not SET_BY_RUN & NOT_USED_BY_RUN


def test_the_users_files_are_read_in_place_of_those_of_the_data_folder(tmp_path: Path) -> None:
    """LAKSA_ENDPOINTS_FILE reaches both notifiers and the call centre, and LAKSA_CHANNELS_FILE intake."""
    file = tmp_path / "mine.yaml"
    file.touch()
    mine = plan_of({ENDPOINTS: str(file), CHANNELS: str(file)}, tmp_path)
    usual = plan_of({}, tmp_path)
    for process in ("notifier-emergency", "notifier-routine", "call-centre"):
        assert mine.program(process).environment[ENDPOINTS] == str(file)
        assert usual.program(process).environment[ENDPOINTS] == str(tmp_path / "endpoints.yaml")
    assert mine.program("intake").environment[CHANNELS] == str(file)
    assert usual.program("intake").environment[CHANNELS] == str(tmp_path / "channels.yaml")


def test_a_relative_path_means_the_folder_that_the_user_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is made absolute, because the processes run in the project's folder."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").touch()
    assert inherited({ENDPOINTS: "mine.yaml"}) == {ENDPOINTS: str(tmp_path / "mine.yaml")}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_does_not_exist_is_said_before_anything_starts(name: str, tmp_path: Path) -> None:
    """A missing file is an error before the start that names the variable and the path."""
    with pytest.raises(ConfigurationError, match=f"{name} names {tmp_path}/no.yaml, which is not a file"):
        inherited({name: str(tmp_path / "no.yaml"), GIVEN: "kafka:9092"})


def test_an_empty_variable_is_not_set_and_others_pass(everything: dict[str, str]) -> None:
    """Empty LAKSA_* variables are treated as unset, and other variables are passed on unchanged."""
    empty = dict.fromkeys(everything, "")
    assert inherited({**empty, "PATH": "/bin", "EMPTY": ""}) == {"PATH": "/bin", "EMPTY": ""}
    assert ignored(empty) == []
