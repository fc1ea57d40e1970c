"""The OpenAI-style endpoints: what may follow `/v1` (or another root), for the gateway door and for providers' own hosts.

Sources: the paths of the openai packages for Python and JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
    "/realtime/client_secrets": Tail("client_secrets"),
    "/realtime/translations/client_secrets": Tail("client_secrets", "translation"),
    "/realtime/sessions": Tail("sessions"),
    "/realtime/transcription_sessions": Tail("transcription_sessions", "transcription"),
}
_CONTROLS: Final[Mapping[str, EndpointName]] = {"accept": "accept", "reject": "reject", "refer": "refer", "hangup": "hangup"}
_CALL: Final = re.compile(r"/realtime/calls/([A-Za-z0-9_.~-]{1,256})/([a-z]+)")


def tail_endpoint(root: str, path: str) -> Tail | None:
    """What `path` is below `root`, or None."""
    if not path.startswith(root):
        return None
    tail = path[len(root) :]
    if call := _CALL.fullmatch(tail):
        control = _CONTROLS.get(call[2])
        return Tail(control, call_id=call[1]) if control else None
    return TAILS.get(tail)
