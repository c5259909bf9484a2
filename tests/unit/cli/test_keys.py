"""Keys and secrets: made once, kept, and told to each service only as far as it must know."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from services.cli.keys import SCOPES, SUBSCRIBING, Secrets, demo_endpoints, load_secrets, write_configuration
from services.cli.layout import Layout
from services.intake.api_keys import Channels, load_channels
from services.notifier.endpoints import Endpoints, load_endpoints
from shared.domain.lanes import Channel, Mode
from shared.domain.taxonomy import default_taxonomy

CALL_CENTRE = "http://127.0.0.1:8106"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty data folder."""
    return Layout(tmp_path)


def written(layout: Layout) -> tuple[Secrets, Channels, Endpoints]:
    """The secrets, and both files as the services read them."""
    made = load_secrets(layout)
    write_configuration(layout, made, CALL_CENTRE)
    return made, load_channels(layout.channels), load_endpoints(layout.endpoints, default_taxonomy().opds)


def test_every_channel_and_endpoint_has_a_secret_of_its_own(layout: Layout) -> None:
    """No two share one."""
    made = load_secrets(layout)
    assert set(made.api_keys) == set(Channel)
    all_secrets = [*made.api_keys.values(), *made.endpoints.values()]
    assert len(set(all_secrets)) == len(all_secrets)


def test_they_are_kept_between_runs(layout: Layout) -> None:
    """A script's key works on the next day too; the file is the owner's alone and is not written again."""
    first = load_secrets(layout)
    file = layout.secrets.stat()
    assert load_secrets(layout) == first
    assert stat.S_IMODE(file.st_mode) == 0o600
    assert layout.secrets.stat().st_ino == file.st_ino


def test_a_new_channel_gets_a_key_and_the_others_keep_theirs(layout: Layout) -> None:
    """After an update that brings a channel and an endpoint, only these are new."""
    first = load_secrets(layout)
    kept = json.loads(layout.secrets.read_text(encoding="utf-8"))
    del kept["api_keys"]["social"]
    gone = demo_endpoints()[0].id
    del kept["endpoints"][gone]
    layout.secrets.write_text(json.dumps(kept), encoding="utf-8")
    second = load_secrets(layout)
    assert {name for name in Channel if second.api_keys[name] != first.api_keys[name]} == {Channel.SOCIAL}
    assert {name for name in first.endpoints if second.endpoints[name] != first.endpoints[name]} == {gone}
    assert load_secrets(layout) == second


def test_intake_recognises_every_channel_by_its_key(layout: Layout) -> None:
    """Each key is its own channel's; only 112 may send backfill and drills."""
    made, channels, _ = written(layout)
    for name, key in made.api_keys.items():
        sender = channels.recognise(key)
        assert sender is not None
        assert sender.channel == name
        assert sender.scopes == frozenset(SCOPES.get(Channel(name), ()))
        assert sender.may_send(Mode.BACKFILL) is sender.may_send(Mode.EXERCISE) is (name == Channel.CALL_112)
    assert channels.recognise("laksa_laksa_guessed") is None


def test_the_channels_file_holds_no_key(layout: Layout) -> None:
    """Only hashes stand in what intake reads; both files are the owner's alone."""
    made, _, _ = written(layout)
    text = layout.channels.read_text(encoding="utf-8")
    assert not [key for key in made.api_keys.values() if key in text]
    assert [stat.S_IMODE(file.stat().st_mode) for file in (layout.channels, layout.endpoints)] == [0o600, 0o600]


@pytest.mark.parametrize("name", ["channels", "endpoints"])
def test_a_file_that_was_edited_is_left_as_it_is(layout: Layout, name: str) -> None:
    """The other one is written again as before; once the edited file is deleted, it is written again too."""
    made, _, _ = written(layout)
    file: Path = getattr(layout, name)
    file.write_text("# edited\n", encoding="utf-8")
    assert write_configuration(layout, made, "http://127.0.0.1:1") == [file]
    assert write_configuration(layout, made, "http://127.0.0.1:2") == [file]
    assert file.read_text(encoding="utf-8") == "# edited\n"
    file.unlink()
    assert write_configuration(layout, made, "http://127.0.0.1:3") == []
    assert "http://127.0.0.1:3/push/" in layout.endpoints.read_text(encoding="utf-8")


def test_a_file_that_somebody_put_there_before_the_first_run_is_left_as_it_is(layout: Layout) -> None:
    """Only what this program wrote itself is overwritten."""
    layout.endpoints.write_text("endpoints: []\n", encoding="utf-8")
    assert write_configuration(layout, load_secrets(layout), CALL_CENTRE) == [layout.endpoints]
    assert layout.endpoints.read_text(encoding="utf-8") == "endpoints: []\n"


def test_a_run_that_was_killed_before_it_noted_what_it_wrote_has_edited_nothing(layout: Layout) -> None:
    """The text that would be written now is this program's own, also without the note."""
    made, _, _ = written(layout)
    layout.written.unlink()
    assert write_configuration(layout, made, CALL_CENTRE) == []


def test_the_notifier_finds_an_endpoint_for_each_department(layout: Layout) -> None:
    """Each OPD has one, by push at the call centre's address or by subscription, with the secret that was made."""
    made, _, endpoints = written(layout)
    for opd in default_taxonomy().opds:
        (endpoint,) = endpoints.recipients(opd, Mode.LIVE).endpoints
        assert (endpoint.opd, endpoint.kind) == (opd, "subscribe" if opd in SUBSCRIBING else "webhook")
        assert endpoint.url == (None if opd in SUBSCRIBING else f"{CALL_CENTRE}/push/{endpoint.id}")
        assert endpoint.secrets == (made.endpoints[endpoint.id],)


def test_only_bpbd_has_an_endpoint_for_drills(layout: Layout) -> None:
    """The fire drill of the reference data reaches it; drills for others reach nobody, and no live report does."""
    _, _, endpoints = written(layout)
    (drill,) = endpoints.recipients("BPBD", Mode.EXERCISE).endpoints
    assert drill.exercise
    assert drill not in endpoints.recipients("BPBD", Mode.LIVE).endpoints
    assert not endpoints.recipients("DISHUB", Mode.EXERCISE).endpoints


def test_112_stays_text_in_the_file(layout: Layout) -> None:
    """YAML would read a bare 112 as a number."""
    written(layout)
    names = [entry["name"] for entry in yaml.safe_load(layout.channels.read_text(encoding="utf-8"))["channels"]]
    assert names == [str(name) for name in Channel]
