"""The channels' API keys, stored as hashes, and the scopes of each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from secrets import compare_digest
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.domain.lanes import Channel, Mode
from shared.yaml_files import load_yaml_model


class Scope(StrEnum):
    """A permission beyond sending live reports."""

    CALLS = "calls"
    BACKFILL = "backfill"
    EXERCISE = "exercise"


SCOPE_OF_MODE: Mapping[Mode, Scope] = {Mode.BACKFILL: Scope.BACKFILL, Mode.EXERCISE: Scope.EXERCISE}


class KeyEntry(BaseModel):
    """One key of a channel. Several entries may have the same name: to rotate a key, add the new one first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # YAML parses an unquoted 112 as a number
    name: Annotated[Channel, BeforeValidator(str)] = Field(description="The channel")
    key_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the key, in lower-case hex")
    scopes: frozenset[Scope] = Field(default=frozenset(), description="Scopes of this key")


class ChannelsFile(BaseModel):
    """The channels file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[KeyEntry, ...]


@dataclass(frozen=True, slots=True)
class AuthenticatedChannel:
    """A channel identified by its API key or by its Kafka topic."""

    channel: Channel
    scopes: frozenset[Scope]

    def may_send(self, mode: Mode) -> bool:
        """Whether the channel may send reports of this mode."""
        scope = SCOPE_OF_MODE.get(mode)
        return scope is None or scope in self.scopes


class Channels:
    """All keys, stored as SHA-256 hashes: long random keys need no slow hash."""

    def __init__(self, entries: Sequence[KeyEntry]) -> None:
        self._entries = tuple(entries)

    def recognise(self, api_key: str | None) -> AuthenticatedChannel | None:
        """The channel of an API key; None for an unknown or missing key. Takes the same time for every wrong key."""
        digest = hashlib.sha256((api_key or "").encode(errors="surrogateescape")).hexdigest()
        found = [entry for entry in self._entries if compare_digest(entry.key_sha256, digest)]
        if not api_key or not found:
            return None
        return AuthenticatedChannel(found[0].name, frozenset().union(*(entry.scopes for entry in found)))

    def of_topic(self, channel: Channel) -> AuthenticatedChannel:
        """The channel of a Kafka topic, with the scopes of all its keys."""
        scopes = (entry.scopes for entry in self._entries if entry.name == channel)
        return AuthenticatedChannel(channel, frozenset[Scope]().union(*scopes))


def load_channels(path: Path) -> Channels:
    """Read the channels file.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or has unknown or invalid entries.
    """
    return Channels(load_yaml_model(path, ChannelsFile, given_by="LAKSA_CHANNELS_FILE").channels)
