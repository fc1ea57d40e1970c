"""Answers with an ephemeral key: the provider's is found in them and ours put in its place, and those where no provider is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from typing import Final

from providers.base import EndpointName
from providers.tails import BETA

_PLACES: Final = (((), "value"), (("client_secret",), "value"), (("session", "client_secret"), "value"))
"""The object that holds the key, by its path, and the member; the expiry stands beside it. The first is GA's, the second the beta's."""

_OBJECTS: Final = {"realtime": "realtime.session", "transcription": "realtime.transcription_session"}


def member(value: Any, *path: str) -> dict[str, Any] | None:
    """The JSON object below `value`, None where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


class Answer:
    """A provider's answer. Raises ValueError for one without a key."""

    def __init__(self, raw: bytes) -> None:
        try:
            self._found: Any = json.loads(raw)
        except (ValueError, RecursionError):
            raise ValueError("it is not JSON") from None
        holders = [(place, name) for path, name in _PLACES if (place := member(self._found, *path)) is not None]
        self._keys = [(place, name) for place, name in holders if isinstance(place.get(name), str) and place[name]]
        if not self._keys:
            raise ValueError("it has no key")
        place, name = self._keys[0]
        self.secret: str = place[name]
        """The provider's key."""
        self.expires_at = _time(place.get("expires_at"))
        """When it expires, in Unix seconds, where that is said."""

    def rewritten(self, value: str, expires_at: int) -> bytes:
        """The answer with our key and its expiry in the place of the provider's."""
        for place, name in self._keys:
            place |= {name: value, "expires_at": expires_at}
        return json.dumps(self._found).encode()


def _time(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def local_answer(endpoint: EndpointName, session: Mapping[str, Any], session_id: str, value: str, expires_at: int) -> dict[str, Any]:
    """An answer of our own, in the shape that the openai packages read."""
    if endpoint in BETA:
        kind = "realtime.session" if endpoint == "sessions" else "realtime.transcription_session"
        return {**session, "id": session_id, "object": kind, "client_secret": {"value": value, "expires_at": expires_at}}
    kind = session.get("type", "translation")
    described = {"audio": {}, **session, "id": session_id, "type": kind, "expires_at": expires_at}
    named = {"object": _OBJECTS[kind]} if kind in _OBJECTS else {}
    return {"value": value, "expires_at": expires_at, "session": described | named}
