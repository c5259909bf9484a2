"""API keys of channels: stored as hashes, with scopes."""

import hashlib
from pathlib import Path

import pytest

from services.intake.api_keys import Channels, Scope, load_channels
from shared.domain.lanes import Channel, Mode
from shared.errors import ConfigurationError


def digest(key: str) -> str:
    """The hash of a key as in the file."""
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture
def channels(tmp_path: Path) -> Channels:
    """112 during a key rotation, and a channel without scopes."""
    file = tmp_path / "channels.yaml"
    file.write_text(
        "channels:\n"
        f"  - {{name: 112, key_sha256: {digest('old')}, scopes: [calls, exercise]}}\n"
        f"  - {{name: '112', key_sha256: {digest('new')}, scopes: [calls, backfill]}}\n"
        f"  - {{name: laksa, key_sha256: {digest('app')}}}\n"
    )
    return load_channels(file)


def test_a_key_names_its_channel_and_scopes(channels: Channels) -> None:
    """Both keys of a rotation work, each with its own scopes."""
    old, new = channels.recognise("old"), channels.recognise("new")
    assert old is not None
    assert new is not None
    assert old.channel is new.channel is Channel.CALL_112
    assert old.scopes == {Scope.CALLS, Scope.EXERCISE}
    assert new.scopes == {Scope.CALLS, Scope.BACKFILL}


@pytest.mark.parametrize("key", [None, "", "App", "app ", "\udcff", digest("app")])
def test_no_other_key_names_anybody(channels: Channels, key: str | None) -> None:
    """A missing key, a similar one, non-text, and the hash itself are refused."""
    assert channels.recognise(key) is None


def test_a_mode_needs_its_scope(channels: Channels) -> None:
    """Live reports need no scope; other modes need theirs."""
    sender = channels.recognise("old")
    assert sender is not None
    assert [mode for mode in Mode if sender.may_send(mode)] == [Mode.LIVE, Mode.EXERCISE]


def test_a_topic_may_what_one_of_the_channels_keys_may(channels: Channels) -> None:
    """A channel's topic has the scopes of all its keys; a channel without keys may send live reports."""
    assert channels.of_topic(Channel.CALL_112).scopes == {Scope.CALLS, Scope.EXERCISE, Scope.BACKFILL}
    assert channels.of_topic(Channel.WEB).may_send(Mode.LIVE)
    assert not channels.of_topic(Channel.WEB).may_send(Mode.BACKFILL)


@pytest.mark.parametrize(
    "content",
    [
        "channels: [",
        "[]",
        "channels: [{name: fax, key_sha256: " + "0" * 64 + "}]",
        "channels: [{name: web, key_sha256: short}]",
        "channels: [{name: web, key_sha256: " + "0" * 64 + ", scopes: [all]}]",
        "channels: [{name: web, key: secret}]",
    ],
)
def test_a_file_that_cannot_be_used_is_said_so(tmp_path: Path, content: str) -> None:
    """The message names the file and never a key."""
    file = tmp_path / "channels.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"channels\.yaml") as caught:
        load_channels(file)
    assert "secret" not in str(caught.value)


def test_every_fault_is_listed_duplicate_keys_with_their_lines(tmp_path: Path) -> None:
    """A second list of channels would take all keys away in silence; an unknown key is named."""
    file = tmp_path / "channels.yaml"
    file.write_text("channels: [{name: web, key: secret}]\nchannels: [{name: fax, key: secret, key: secret}]\n")
    with pytest.raises(ConfigurationError) as caught:
        load_channels(file)
    said = str(caught.value)
    assert "line 2: duplicate key `channels`, first given in line 1" in said
    assert "line 2: duplicate key `key`" in said
    assert "channels.0.name: " in said
    assert "channels.0.key: unknown key" in said
    assert "secret" not in said


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    """A missing file stops the start, with a message."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_channels(tmp_path / "none.yaml")
