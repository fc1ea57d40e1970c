"""How a worker is to run: one JSON object, the first line of its standard input, because it holds a token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import fields
from typing import Final

from sidecar.network import Network


class SettingsError(ValueError):
    """The first line is not what it should be; the text never repeats a value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it; times in seconds."""

    token: str
    """What the control API wants to be shown."""
    gateway: str
    """HOST:PORT where the events WebSocket is opened, without TLS."""
    network: Network
    calls: int
    """The most that the worker carries at one time."""
    setup_seconds: float
    silence_seconds: float
    grace_seconds: float
    setups: tuple[int, float]
    """So many calls may be set up in so many seconds."""
    events: tuple[int, float]
    """So many messages of a call may pass in so many seconds, in each direction."""


def read_settings(line: bytes) -> Settings:
    """Raises SettingsError for anything but an object with exactly the known names."""
    try:
        given = json.loads(line)
    except ValueError:
        raise SettingsError("the first line of standard input is not JSON") from None
    if not isinstance(given, dict):
        raise SettingsError("the first line of standard input is not an object")
    if wrong := (_OWN | _NETWORK) ^ given.keys():
        raise SettingsError(f"missing or unknown in the first line of standard input: {', '.join(sorted(wrong))}")
    try:
        network = Network.read(given)
    except (ValueError, KeyError, TypeError, IndexError):
        raise SettingsError("bind, ports, public, stun or turn in the first line of standard input cannot be used") from None
    return Settings(**{name: given[name] for name in _OWN}, network=network)


_NETWORK: Final = {field.name for field in fields(Network)}
_OWN: Final = {field.name for field in fields(Settings)} - {"network"}
