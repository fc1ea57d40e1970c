"""The OpenAI-style endpoints: what may follow `/v1` (or another root), for the gateway door, for providers' own hosts and upstream.

Sources: the paths of the openai packages for Python and JavaScript; for calls that translate, OpenAI's guide to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import urlsplit

from providers.base import EndpointName
from providers.base import Family


@dataclass(frozen=True, slots=True)
class Tail:
    """What the end of a path asks for."""

    endpoint: EndpointName
    family: Family = "realtime"
    call_id: str | None = None


TAILS: Final[Mapping[str, Tail]] = {
    "/realtime": Tail("realtime"),
    "/realtime/translations": Tail("translations", "translation"),
    "/realtime/calls": Tail("calls"),
    "/realtime/translations/calls": Tail("calls", "translation"),
    "/realtime/client_secrets": Tail("client_secrets"),
    "/realtime/translations/client_secrets": Tail("client_secrets", "translation"),
    "/realtime/sessions": Tail("sessions"),
    "/realtime/transcription_sessions": Tail("transcription_sessions", "transcription"),
}

CONTROLS: Final[tuple[EndpointName, ...]] = ("accept", "reject", "refer", "hangup")
"""What can be asked of a call that there is, each below the path of the call."""

SECRETS: Final[tuple[EndpointName, ...]] = ("client_secrets", "sessions", "transcription_sessions")
"""Where ephemeral keys are made."""

BETA: Final = ("sessions", "transcription_sessions")
"""Those of them that are the beta's."""

_ID: Final = r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,255}"
_CALL: Final = re.compile(rf"/realtime/calls/({_ID})/({'|'.join(CONTROLS)})")
_NO_ID: Final = ("", "calls", "realtime")
"""Last segments of a path on which a call id stands in the query."""


def tail_endpoint(root: str, path: str) -> Tail | None:
    """What `path` is below `root`, or None."""
    if not path.startswith(root):
        return None
    tail = path[len(root) :]
    if call := _CALL.fullmatch(tail):
        return Tail(next(name for name in CONTROLS if name == call[2]), call_id=call[1])
    return TAILS.get(tail)


def tail_path(endpoint: EndpointName, family: Family = "realtime", call_id: str | None = None) -> str:
    """The path below a root for an endpoint that takes requests. Raises LookupError for any other, and for a control without its call."""
    if endpoint in CONTROLS:
        if not call_id or not re.fullmatch(_ID, call_id):
            raise LookupError("no call is named")
        return f"/realtime/calls/{quote(call_id, safe='')}/{endpoint}"
    translates = family == "translation"
    return next(path for path, tail in TAILS.items() if tail.endpoint == endpoint and translates == (tail.family == "translation"))


def located(location: str) -> str | None:
    """The call id that a Location header names: `?call_id=` (seen at Azure), else its last segment; None where there is none."""
    try:
        parts = urlsplit(location.strip())
    except ValueError:
        return None
    named = [value for name, value in parse_qsl(parts.query) if name == "call_id"]
    last = parts.path.rstrip("/").rpartition("/")[2]
    found = named[0] if named else "" if last in _NO_ID else last
    return found if re.fullmatch(_ID, found) else None
