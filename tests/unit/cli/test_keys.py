"""Keys and secrets are made once, stored, and passed only to the services that need them."""

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
    """The secrets, and both files as read by the services."""
    made = load_secrets(layout)
    write_configuration(layout, made, CALL_CENTRE)
    return made, load_channels(layout.channels), load_endpoints(layout.endpoints, default_taxonomy().opds)


def test_every_channel_and_endpoint_has_a_secret_of_its_own(layout: Layout) -> None:
    """All channels and endpoints have different secrets."""
    made = load_secrets(layout)
    assert set(made.api_keys) == set(Channel)
    all_secrets = [*made.api_keys.values(), *made.endpoints.values()]
    assert len(set(all_secrets)) == len(all_secrets)


def test_they_are_kept_between_runs(layout: Layout) -> None:
    """The keys stay the same between runs, in a file of mode 0600 that is not written again."""
    first = load_secrets(layout)
    file = layout.secrets.stat()
    assert load_secrets(layout) == first
    assert stat.S_IMODE(file.st_mode) == 0o600
    assert layout.secrets.stat().st_ino == file.st_ino


def test_a_new_channel_gets_a_key_and_the_others_keep_theirs(layout: Layout) -> None:
    """After an update with a new channel and endpoint, only these get new secrets."""
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
    """Each key authenticates its channel; only 112 may send backfill and exercises."""
    made, channels, _ = written(layout)
    for name, key in made.api_keys.items():
        sender = channels.recognise(key)
        assert sender is not None
        assert sender.channel == name
        assert sender.scopes == frozenset(SCOPES.get(Channel(name), ()))
        assert sender.may_send(Mode.BACKFILL) is sender.may_send(Mode.EXERCISE) is (name == Channel.CALL_112)
    assert channels.recognise("laksa_laksa_guessed") is None


def test_the_channels_file_holds_no_key(layout: Layout) -> None:
    """The channels file has only hashes, and both files are readable by their owner only."""
    made, _, _ = written(layout)
    text = layout.channels.read_text(encoding="utf-8")
    assert not [key for key in made.api_keys.values() if key in text]
    assert [stat.S_IMODE(file.stat().st_mode) for file in (layout.channels, layout.endpoints)] == [0o600, 0o600]


@pytest.mark.parametrize("name", ["channels", "endpoints"])
def test_a_file_that_was_edited_is_left_as_it_is(layout: Layout, name: str) -> None:
    """An edited file is kept, the other is rewritten, and a deleted file is written again."""
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
    """A file that this program did not write is not overwritten."""
    layout.endpoints.write_text("endpoints: []\n", encoding="utf-8")
    assert write_configuration(layout, load_secrets(layout), CALL_CENTRE) == [layout.endpoints]
    assert layout.endpoints.read_text(encoding="utf-8") == "endpoints: []\n"


def test_a_run_that_was_killed_before_it_noted_what_it_wrote_has_edited_nothing(layout: Layout) -> None:
    """A file with the text that would be written now is not treated as edited, although its hash is not recorded."""
    made, _, _ = written(layout)
    layout.written.unlink()
    assert write_configuration(layout, made, CALL_CENTRE) == []


def test_the_notifier_finds_an_endpoint_for_each_department(layout: Layout) -> None:
    """Each OPD has an endpoint, a webhook at the call centre or a subscription, with its generated secret."""
    made, _, endpoints = written(layout)
    for opd in default_taxonomy().opds:
        (endpoint,) = endpoints.recipients(opd, Mode.LIVE).endpoints
        assert (endpoint.opd, endpoint.kind) == (opd, "subscribe" if opd in SUBSCRIBING else "webhook")
        assert endpoint.url == (None if opd in SUBSCRIBING else f"{CALL_CENTRE}/push/{endpoint.id}")
        assert endpoint.secrets == (made.endpoints[endpoint.id],)


def test_only_bpbd_has_an_endpoint_for_drills(layout: Layout) -> None:
    """Only BPBD has an endpoint for exercises; exercises for others have no recipients, and it gets no live reports."""
    _, _, endpoints = written(layout)
    (drill,) = endpoints.recipients("BPBD", Mode.EXERCISE).endpoints
    assert drill.exercise
    assert drill not in endpoints.recipients("BPBD", Mode.LIVE).endpoints
    assert not endpoints.recipients("DISHUB", Mode.EXERCISE).endpoints


def test_112_stays_text_in_the_file(layout: Layout) -> None:
    """The channel 112 is quoted, because YAML would parse it as a number."""
    written(layout)
    names = [entry["name"] for entry in yaml.safe_load(layout.channels.read_text(encoding="utf-8"))["channels"]]
    assert names == [str(name) for name in Channel]
